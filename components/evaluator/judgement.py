"""What the gate judges by, and what its rules come to."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluator.comparison import reaches, told_apart
from components.evaluator.config import SliceFloor


@dataclasses.dataclass(frozen=True, kw_only=True)
class SliceEvidence:
    """What was found in one slice of the split.

    Attributes:
      floor: the slice and its bounds.
      objects: that count in it.
      candidate: mAP of the candidate there; None where it is no number.
      served: the same of the model that serves now; None where none serves, too.
      changes: [R] candidate less served, in each resample of the images.
    """

    floor: SliceFloor
    objects: int
    candidate: float | None
    served: float | None = None
    changes: Sequence[float] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the gate judges by: numbers of one split.

    Attributes:
      split: that was judged on.
      images: how many it has.
      objects: class name -> its objects that count there; all classes that the
        candidate knows.
      detections: how many the candidate gave.
      broken_variables: names of the candidate's variables that hold NaN or infinity.
      candidate: `AP` and `AP50` of the candidate, in 0..1, and `AP/NAME` of each class.
        None or NaN (no ground truth, or a model that gives NaN) never passes.
      baseline: the same of the model that serves now on the same images, or None
        where none serves.
      served_classes: the class names that the served model knows.
      changes: [R] mAP of the candidate less the served model's, in each resample of
        the images.
      class_changes: class name -> the same of its AP.
      slices: what was found in each slice that the config names, in that order.
    """

    split: str
    images: int
    objects: Mapping[str, int]
    detections: int
    candidate: Mapping[str, float | None]
    broken_variables: Sequence[str] = ()
    baseline: Mapping[str, float | None] | None = None
    served_classes: Sequence[str] = ()
    changes: Sequence[float] = ()
    class_changes: Mapping[str, Sequence[float]] = dataclasses.field(
        default_factory=dict
    )
    slices: Sequence[SliceEvidence] = ()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one rule came to.

    Attributes:
      rule, value, bound: in a few words each, for a table; "" where there is none.
      passed: whether it holds.
      reason: all of it as a sentence.
      name: of the outcome, where it has one of its own.
    """

    rule: str
    passed: bool
    reason: str
    value: str = ""
    bound: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Blessed or not, with one sentence per rule that was applied.

    Attributes:
      blessed: whether every rule passed.
      reasons: one a rule.
      split: that was judged on.
      compared: `better`, `equal within noise` or `worse` than the served model; ""
        where that is not known.
      outcomes: of every rule that was applied, in the order of `reasons`.
    """

    blessed: bool
    reasons: tuple[str, ...]
    split: str
    compared: str
    outcomes: tuple[Outcome, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The verdict as it is written to disk."""
        fields = dataclasses.asdict(self)
        return fields | {name: list(fields[name]) for name in ("reasons", "outcomes")}


def at_least(name: str, value: float | None, threshold: float) -> Outcome:
    """The rule that a number reaches its bound; None never does."""
    if value is None:
        text = f"{name} is no number: nothing was measured"
        return Outcome(name, False, text, "no number", f"{threshold:.4f}")
    passed = reaches(value, threshold)
    relation = "reaches" if passed else "is below"
    shown, bound = told_apart(max(value, threshold) if passed else value, threshold)
    text = f"{name} {shown} {relation} the threshold {bound}"
    return Outcome(name, passed, text, shown, bound)
