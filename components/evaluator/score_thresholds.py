"""Where to cut a model's scores: the threshold with the best F1, by class."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluator.image_columns import ImageColumns
from trainer.metrics.protocol import COCO_AREA_RANGES, CocoProtocol, DifficultMode
from trainer.metrics.score_curves import curve_of
from trainer.metrics.sorting import descending_key, stable_order

THRESHOLDS_FILE = "score_thresholds.json"
_PROTOCOL = CocoProtocol(
    iou_thresholds=(0.5,), area_ranges=(COCO_AREA_RANGES[0],), max_dets=(100,)
)


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
    matched = columns.matched(len(class_names), difficult, _PROTOCOL)
    objects = matched.num_ground_truths[:, 0]
    hit = np.zeros(len(matched.score), bool)
    hit[matched.matched] = matched.true_positive[:, 0] != 0
    # What matched an object that does not count is neither hit nor false alarm.
    counts = np.ones(len(hit), bool)
    counts[matched.matched] = hit[matched.matched]

    def best_of(rows: npt.NDArray[np.int64], total: int) -> float | None:
        rows = rows[counts[rows]]
        rows = rows[stable_order(descending_key(matched.score[rows]))]
        return _best(matched.score[rows], hit[rows], total)

    by_class = [
        best_of(rows, int(total))
        for (rows, _), total in zip(matched.by_class(), objects, strict=True)
    ]
    return ScoreThresholds(
        split=split,
        overall=best_of(np.arange(len(hit)), int(objects.sum())),
        by_class=dict(zip(class_names, by_class, strict=True)),
    )


def _best(
    score: npt.NDArray[np.floating], hit: npt.NDArray[np.bool_], total: int
) -> float | None:
    curve = curve_of(score, hit, total)
    best = curve.best()
    # With no hit at all every threshold has an F1 of 0, and none is a best one.
    return None if best is None or not curve.f1[best] else float(curve.score[best])
