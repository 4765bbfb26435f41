"""Where to cut a model's scores: the threshold with the best F1, by class."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.evaluator.by_class import Images, matched_groups
from trainer.metrics.protocol import COCO_AREA_RANGES, CocoProtocol, DifficultMode
from trainer.metrics.score_curves import best_threshold

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
    images: Images,
    class_names: Sequence[str],
    difficult: DifficultMode,
    split: str,
) -> ScoreThresholds:
    """Finds them; none where the model gave NaN or infinity."""
    if not images.has_only_numbers:
        return ScoreThresholds(split, None, dict.fromkeys(class_names))
    by_class, scores, hits, total = [], [], [], 0
    for matched in matched_groups(images, len(class_names), difficult, _PROTOCOL):
        is_hit = np.zeros(len(matched.score), bool)
        is_hit[matched.matched] = matched.true_positive[:, 0] != 0
        # What matched an object that does not count is neither hit nor false alarm.
        counts = np.ones(len(is_hit), bool)
        counts[matched.matched] = is_hit[matched.matched]
        objects = matched.num_ground_truths[:, 0].tolist()
        for (rows, _), of_class in zip(matched.by_class(), objects, strict=True):
            scores.append(np.sort(matched.score[rows[counts[rows]]]))
            hits.append(matched.score[rows[is_hit[rows]]])
            by_class.append(best_threshold(scores[-1], hits[-1], of_class))
            total += of_class
        del matched, is_hit, counts  # not held beside the next group
    counted = np.concatenate(scores)
    scores.clear()
    counted.sort()
    return ScoreThresholds(
        split=split,
        overall=best_threshold(counted, np.concatenate(hits), total),
        by_class=dict(zip(class_names, by_class, strict=True)),
    )
