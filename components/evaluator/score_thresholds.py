"""Where to cut a model's scores: the threshold with the best F1, by class."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from components.evaluator.image_columns import ImageColumns
from trainer.metrics.assignment import Assignment, assign
from trainer.metrics.protocol import DifficultMode
from trainer.metrics.score_curves import score_curve

THRESHOLDS_FILE = "score_thresholds.json"


@dataclasses.dataclass(frozen=True)
class ScoreThresholds:
    """Least scores with the best F1 at IoU .5.

    Attributes:
      split: whose images they were found on.
      overall: of all classes with one threshold; None where nothing was detected.
      by_class: class name -> its own; None where the class was not detected.
    """

    split: str
    overall: float | None
    by_class: dict[str, float | None]

    def to_json(self) -> str:
        """As it is written beside the metrics and into the pushed model."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> "ScoreThresholds":
        """The inverse of `to_json`, once parsed; fields of a newer program are left."""
        return cls(mapping["split"], mapping["overall"], dict(mapping["by_class"]))


def best_thresholds(
    columns: ImageColumns,
    class_names: Sequence[str],
    difficult: DifficultMode,
    split: str,
) -> ScoreThresholds:
    """Finds them; none where the model gave NaN or infinity."""
    if not columns.has_only_numbers:
        return ScoreThresholds(split, None, dict.fromkeys(class_names))
    assignment = assign(
        columns.ground_truths(),
        columns.detections(),
        num_classes=len(class_names),
        difficult=difficult,
    )
    return ScoreThresholds(
        split=split,
        overall=_best(assignment, None),
        by_class={
            name: _best(assignment, class_id)
            for class_id, name in enumerate(class_names)
        },
    )


def _best(assignment: Assignment, class_id: int | None) -> float | None:
    curve = score_curve(assignment, class_id)
    best = curve.best()
    # With no hit at all every threshold has an F1 of 0, and none is a best one.
    return None if best is None or not curve.f1[best] else float(curve.score[best])
