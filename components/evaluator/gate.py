"""The verdict on a candidate model: blessed or not, and why, both ways."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

from schemas.config_rules import refuse_unless


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig:
    """What a candidate must reach on the gate's split to be served.

    Attributes:
      min_map: least mAP (COCO AP@[.50:.95], 0..1), or None for no such bound.
      min_ap50: least AP50 (0..1), or None for no such bound.
      max_map_drop: by how much (absolute mAP) the candidate may fall short of the
        model that serves now; 0 means "at least as good".
      difficult: how objects flagged difficult count: `ignore` (neither hit nor
        miss, as VOC does), `crowd`, or `plain`.
    """

    min_map: float | None = None
    min_ap50: float | None = None
    max_map_drop: float = 0.0
    difficult: Literal["ignore", "crowd", "plain"] = "ignore"

    def __post_init__(self) -> None:
        """Refuses a gate that could not refuse anything."""
        if self.min_map is None and self.min_ap50 is None:
            raise ValueError("the gate needs a threshold: set min_map or min_ap50")
        for name in ("min_map", "min_ap50"):
            bound = getattr(self, name)
            if bound is not None:
                refuse_unless(0 <= bound <= 1, f"0 <= {name} <= 1", bound)
        drop = self.max_map_drop
        refuse_unless(0 <= drop <= 1, "0 <= max_map_drop <= 1", drop)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Blessed or not, with one sentence per rule that was applied."""

    blessed: bool
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The verdict as it is written to disk."""
        return {"blessed": self.blessed, "reasons": list(self.reasons)}


def decide(
    config: GateConfig,
    candidate: Mapping[str, float],
    baseline: Mapping[str, float] | None,
) -> Verdict:
    """Applies every rule; all must hold.

    Args:
      config: the thresholds. A value exactly at its threshold passes.
      candidate: `AP` and `AP50` of the candidate, in 0..1. NaN (no ground truth, or
        a model that gives NaN) never passes.
      baseline: the same of the model that serves now on the same examples, or None
        where none serves.
    """
    checks = [
        _at_least("mAP", candidate["AP"], config.min_map),
        _at_least("AP50", candidate["AP50"], config.min_ap50),
        _not_worse(candidate["AP"], baseline, config.max_map_drop),
    ]
    applied = [check for check in checks if check is not None]
    return Verdict(
        blessed=all(passed for passed, _ in applied),
        reasons=tuple(reason for _, reason in applied),
    )


def _at_least(
    name: str, value: float, threshold: float | None
) -> tuple[bool, str] | None:
    if threshold is None:
        return None
    if math.isnan(value):
        return False, f"{name} is not a number: nothing was measured"
    passed = value >= threshold
    relation = "reaches" if passed else "is below"
    return passed, f"{name} {value:.4f} {relation} the threshold {threshold:.4f}"


def _not_worse(
    candidate_map: float, baseline: Mapping[str, float] | None, max_drop: float
) -> tuple[bool, str]:
    if baseline is None:
        return True, "no model serves yet, so there is nothing to compare with"
    baseline_map = baseline["AP"]
    if math.isnan(baseline_map):
        return True, "the served model's mAP is not a number on these examples"
    if math.isnan(candidate_map):
        return False, f"mAP is not a number, the served model has {baseline_map:.4f}"
    passed = candidate_map >= baseline_map - max_drop
    verb = "is no worse than" if passed else "is worse than"
    allowed = f" (a drop of {max_drop:.4f} is allowed)" if max_drop else ""
    return passed, (
        f"mAP {candidate_map:.4f} {verb} the served model's {baseline_map:.4f}{allowed}"
    )
