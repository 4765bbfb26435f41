"""What a call of `retrain` came to, for people, for programs and for --on-result."""

import dataclasses
from typing import TYPE_CHECKING, Any

from pipeline.retraining.state import FAILURES_THAT_PAUSE, Outcome

if TYPE_CHECKING:
    from pipeline.run.summary import RunSummary

NOTHING_NEW, PAUSED = "nothing_new", "paused"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One call.

    Attributes:
      outcome: `pushed`, `nothing_new`, `paused`, or why nothing was pushed, as
        `state.What` names it.
      text: the outcome in a line.
      root: whose retraining it is.
      span: that it was about, or None.
      window: spans that were learned from, oldest first.
      initial_model: the served version that the weights started from, "" or None.
      failures: in a row; at three the retraining is paused.
      killed: an earlier call that never said how it ended, found by this one.
      summary: of the run, where it came to its end.
    """

    outcome: str
    text: str
    root: str
    span: int | None = None
    window: tuple[int, ...] = ()
    initial_model: str | None = None
    failures: int = 0
    killed: Outcome | None = None
    summary: "RunSummary | None" = None

    @property
    def paused(self) -> bool:
        """Whether the next call will try nothing."""
        return self.failures >= FAILURES_THAT_PAUSE

    def as_json(self) -> dict[str, Any]:
        """The result for programs."""
        return {**dataclasses.asdict(self), "paused": self.paused}

    def as_text(self) -> str:
        """The last lines of the call."""
        run = self.summary.as_text() if self.summary else ""
        return f"{run}{self.outcome.replace('_', ' ')}: {self.text}\n"


def failures_text(failures: int) -> str:
    """How many failures in a row, and what that means."""
    if failures >= FAILURES_THAT_PAUSE:
        return (
            f"{failures} failures in a row: paused until somebody has looked; "
            "--resume goes on"
        )
    return f"{failures} of {FAILURES_THAT_PAUSE} failures in a row that pause it"
