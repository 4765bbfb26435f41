"""Whether a run may go on, from anomalies and drift."""

import dataclasses
from collections.abc import Iterable, Sequence

from components.data_gate.config import DriftConfig
from components.data_gate.drift import DriftResult
from schemas.user_error import RefusedError

ERROR = "ERROR"
_ACCEPT_DRIFT = "; if that is as it should be, add --set drift.on_drift=go_on"


class DataRefusedError(RefusedError):
    """Validation or drift stops the run; the message names every cause."""


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """One violated expectation of the schema."""

    split: str
    feature: str
    severity: str  # TFDV's: UNKNOWN, WARNING or ERROR
    found: str  # TFDV's description
    expected: str  # what the schema says about the feature

    def as_text(self) -> str:
        """One line: where, what, what was expected."""
        return f"{self.split}/{self.feature}: {self.found}; expected {self.expected}"


@dataclasses.dataclass(frozen=True)
class DataVerdict:
    """Whether to go on, every reason for and against, and a way on, where there is."""

    passed: bool
    reasons: tuple[str, ...]
    way_on: str = ""


def decide(
    anomalies: Sequence[Anomaly],
    drift: Iterable[DriftResult],
    config: DriftConfig,
) -> DataVerdict:
    """Stops on any anomaly of error level, and on drift unless told to go on."""
    errors = [item.as_text() for item in anomalies if item.severity == ERROR]
    others = [item.as_text() for item in anomalies if item.severity != ERROR]
    results = list(drift)
    over = [f"drift of {item.as_text()}" for item in results if item.over]
    within = [f"drift of {item.as_text()}" for item in results if not item.over]
    stops = [*errors, *(over if config.on_drift == "stop" else [])]
    notes = [*others, *(over if config.on_drift == "go_on" else []), *within]
    way_on = _ACCEPT_DRIFT if stops and not errors else ""
    return DataVerdict(not stops, tuple(stops + notes), way_on)


def refuse_unless_passed(verdict: DataVerdict) -> None:
    """DataRefusedError with all reasons in one line, unless the verdict is to go on."""
    if not verdict.passed:
        reasons = " | ".join(verdict.reasons)
        raise DataRefusedError(f"the data is refused: {reasons}{verdict.way_on}")
