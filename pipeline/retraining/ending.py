"""How an attempt ended: remembered, then told."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pipeline.retraining.result import Result, failures_text
from pipeline.retraining.state import (
    Attempt,
    Outcome,
    RetrainingState,
    What,
    now,
    outcome_of,
    write_state,
)
from schemas.user_error import ModelRefusedError, RefusedError, UserError

if TYPE_CHECKING:  # it knows TFX
    from pipeline.run.summary import RunSummary


@dataclasses.dataclass
class Ending:
    """Turns the end of an attempt into what is remembered and told."""

    root: str
    state: RetrainingState
    attempt: Attempt
    killed: Outcome | None
    tell: Callable[[Result], None]
    result: Result | None = None

    @contextlib.contextmanager
    def of_what_is_raised(self) -> Iterator[None]:
        """Remembers what the block raises; a user's mistake ends here."""
        try:
            yield
        except UserError as error:
            earlier = error.span not in (None, self.attempt.span)
            what, reason = outcome_of(error), str(error)
            if isinstance(error, ModelRefusedError):
                what = "model_refused"
            elif isinstance(error, RefusedError):
                what = "window_refused" if earlier else "data_refused"
            if earlier:
                passed_over = f"--leave-out {error.span} passes it over"
                reason = f"of span {error.span} ({passed_over}): {reason}"
            self.result = self._end(what, reason)
        except KeyboardInterrupt:
            reason = "finished stages and checkpoints are kept; the next call goes on"
            self._end("interrupted", reason)
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self._end("crashed", reason)
            raise

    def of_summary(self, summary: "RunSummary") -> Result:
        """The end of a run that went through."""
        if summary.pushed_path:
            return self._end("pushed", summary.pushed_path, summary)
        passed = summary.blessed and not summary.serving_problems
        what: What = "outrun" if passed else "model_refused"
        return self._end(what, summary.why_not_pushed(), summary)

    def _end(
        self,
        what: What,
        reason: str,
        summary: "RunSummary | None" = None,
    ) -> Result:
        outcome = Outcome(
            attempt=self.attempt,
            what=what,
            ended=now(),
            reason=reason,
            pushed_path=summary.pushed_path if summary else "",
        )
        state = self.state.ended(outcome)
        write_state(self.root, state)
        text = f"span {self.attempt.span}: {reason}"
        if what == "data_refused":
            text += "; it is taken up again when its files change, or with --again"
        if what not in ("pushed", "interrupted"):
            text += f"; {failures_text(state.failures)}"
        result = Result(
            outcome=what,
            text=text,
            root=self.root,
            span=self.attempt.span,
            window=self.attempt.window,
            initial_model=self.attempt.initial_model,
            failures=state.failures,
            killed=self.killed,
            summary=summary,
        )
        self.tell(result)
        return result
