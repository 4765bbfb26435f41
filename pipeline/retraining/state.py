"""What a root remembers of its retrainings: ROOT/retraining.json."""

import dataclasses
import datetime
import json
import os
import pathlib
from typing import Literal

from schemas.config_json import from_json, to_json
from schemas.user_error import UnavailableError, UserError

What = Literal[
    "pushed",
    "model_refused",  # by the gate or the serving check
    "data_refused",  # of the new span: budget, schema or drift
    "window_refused",  # of an earlier span of the window
    "outrun",  # another model came to serve meanwhile, or this one was withdrawn
    "bad_input",
    "unavailable",  # an engine that is not there, or was lost
    "crashed",
    "killed",  # it never said how it ended
    "interrupted",
]
# After these the same data have nothing more to give; after the others the next call
# goes on with them.
_SETTLED: tuple[What, ...] = ("pushed", "model_refused", "data_refused")
# Of these the data gate, and ingest before it, had said whether the data are accepted.
_DATA_JUDGED: tuple[What, ...] = ("pushed", "model_refused", "data_refused", "outrun")
_NO_FAILURE: tuple[What, ...] = ("pushed", "interrupted")
FAILURES_THAT_PAUSE = 3
_KEPT_OUTCOMES = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One retraining as it begins.

    Attributes:
      span: that it is about; data_digest: of that span's files.
      window: spans that it learns from, oldest first.
      initial_model: the served version that its weights start from, "" where none
        served, None where it was not asked for.
      began: UTC, ISO 8601.
    """

    span: int
    data_digest: str
    window: tuple[int, ...]
    initial_model: str | None
    began: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one ended: `reason` in a line, `pushed_path` where a model was pushed."""

    attempt: Attempt
    what: What
    ended: str
    reason: str = ""
    pushed_path: str = ""

    @property
    def about(self) -> tuple[int, str]:
        """The span, and the digest of its files."""
        return self.attempt.span, self.attempt.data_digest

    @property
    def settled(self) -> bool:
        """Whether the same data need no other try."""
        return self.what in _SETTLED


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetrainingState:
    """All that is remembered.

    Attributes:
      running: the attempt under way; one that is found here by the next call was
        killed.
      failures: in a row, since the last push or the last --resume.
      outcomes: the newest, oldest first.
    """

    running: Attempt | None = None
    failures: int = 0
    outcomes: tuple[Outcome, ...] = ()

    @property
    def paused(self) -> bool:
        """Whether nothing more is tried until somebody says so."""
        return self.failures >= FAILURES_THAT_PAUSE

    @property
    def last(self) -> Outcome | None:
        """How the last attempt ended."""
        return self.outcomes[-1] if self.outcomes else None

    @property
    def last_settled(self) -> Outcome | None:
        """How the last attempt ended that needs no other try."""
        return next((o for o in reversed(self.outcomes) if o.settled), None)

    def data_verdicts(self, span: int) -> tuple[Outcome, ...]:
        """Outcomes that say whether a span's data were accepted, oldest first.

        An attempt that crashed or was killed says nothing of them, and lifts nothing.
        """
        return tuple(
            o
            for o in self.outcomes
            if o.attempt.span == span and o.what in _DATA_JUDGED
        )

    def begun(self, attempt: Attempt) -> "RetrainingState":
        """With an attempt under way."""
        return dataclasses.replace(self, running=attempt)

    def ended(self, outcome: Outcome) -> "RetrainingState":
        """With none under way, and one more outcome."""
        failed = outcome.what not in _NO_FAILURE
        pushed = outcome.what == "pushed"
        return dataclasses.replace(
            self,
            running=None,
            failures=0 if pushed else self.failures + failed,
            outcomes=(*self.outcomes, outcome)[-_KEPT_OUTCOMES:],
        )

    def resumed(self) -> "RetrainingState":
        """With no failure that counts."""
        return dataclasses.replace(self, failures=0)


def read_state(root: str) -> RetrainingState:
    """What `root` remembers; UserError where the file is damaged."""
    path = _path(root)
    if not path.exists():
        return RetrainingState()
    try:
        text = path.read_text("utf-8")
        json.loads(text)  # an empty file is damaged too
        return from_json(RetrainingState, text)
    except (UserError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({error}); restore it, or delete it and the newest "
            "span counts as new"
        ) from error


def write_state(root: str, state: RetrainingState) -> None:
    """Writes it aside, puts it on the disk, and renames it."""
    path = _path(root)
    aside = path.with_suffix(".tmp")
    with open(aside, "w", encoding="utf-8") as file:
        file.write(to_json(state) + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def outcome_of(error: Exception) -> What:
    """What an error means where nothing is known of spans."""
    if isinstance(error, UnavailableError):
        return "unavailable"
    return "bad_input" if isinstance(error, UserError) else "crashed"


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _path(root: str) -> pathlib.Path:
    return pathlib.Path(root, "retraining.json")
