"""What a bootstrap's resamples say of a change: an interval, and two probabilities."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from components.evaluator.comparison import ROUNDING


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of AP, and how much of it chance may be.

    Attributes:
      low, high: 95 of 100 resamples lie between them.
      worse: share of the resamples that fall by more than was allowed.
      better: share of the resamples that rise.
    """

    low: float
    high: float
    worse: float
    better: float

    def __str__(self) -> str:
        return f"95% interval {self.low:+.4f} to {self.high:+.4f}"


def change_of(resamples: Sequence[float], allowed_drop: float) -> Change | None:
    """Reads resampled changes [R]; None where no resample is a number."""
    values = np.asarray(resamples, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return Change(
        low=float(low),
        high=float(high),
        worse=float(np.mean(values < -allowed_drop - ROUNDING)),
        better=float(np.mean(values > ROUNDING)),
    )
