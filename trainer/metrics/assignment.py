"""Who was matched to whom at one IoU: what the diagnostics for people start from."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.accumulator import kept_in_match_order
from trainer.metrics.box_columns import Detections, GroundTruths, crowd_and_ignored
from trainer.metrics.candidates import find_candidates
from trainer.metrics.matching import ignored_words, matched_pairs
from trainer.metrics.protocol import COCO_AREA_RANGES, CocoProtocol, DifficultMode

NOBODY = -1


@dataclasses.dataclass(frozen=True, eq=False)
class Assignment:
    """COCO's matching at one IoU threshold, all areas.

    Attributes:
        num_classes: classes are 0..num_classes-1.
        min_iou: the threshold.
        ground_truths: as given.
        counts: [G] ground truths that are neither crowd nor left out.
        detections: at most max_dets per class and image; by falling score, equal scores
            in the order of the images.
        ground_truth: [D] the row matched by each detection; NOBODY for a miss.
    """

    num_classes: int
    min_iou: float
    ground_truths: GroundTruths
    counts: NDArray[np.bool_]
    detections: Detections
    ground_truth: NDArray[np.int64]

    @property
    def hit(self) -> NDArray[np.bool_]:
        """[D] matched a ground truth that counts."""
        found = self.ground_truth != NOBODY
        found[found] = self.counts[self.ground_truth[found]]
        return found

    @property
    def miss(self) -> NDArray[np.bool_]:
        """[D] matched nothing; what matched an ignored one is neither hit nor miss."""
        return self.ground_truth == NOBODY


def assign(
    ground_truths: GroundTruths,
    detections: Detections,
    *,
    num_classes: int,
    min_iou: float = 0.5,
    max_dets: int = 100,
    difficult: DifficultMode = "ignore",
) -> Assignment:
    """Matches; images must be numbered in the order of their sorted ids."""
    protocol = CocoProtocol(
        iou_thresholds=(min_iou,),
        area_ranges=(COCO_AREA_RANGES[0],),
        max_dets=(max_dets,),
    )
    order, group = kept_in_match_order(detections, num_classes, max_dets)
    kept = detections.take(order)
    crowd, left_out = crowd_and_ignored(ground_truths, difficult)
    ignored = ignored_words(ground_truths, left_out, protocol)
    pairs = find_candidates(
        group,
        kept.boxes_xywh,
        ground_truths.image * num_classes + ground_truths.class_id,
        ground_truths.boxes_xywh,
        crowd,
        min_iou,
    )
    detection, matched = matched_pairs(pairs, group, ignored, crowd, protocol)
    ground_truth = np.full(len(kept), NOBODY)
    ground_truth[detection] = matched
    by_score = np.argsort(-kept.score, kind="stable")
    return Assignment(
        num_classes=num_classes,
        min_iou=min_iou,
        ground_truths=ground_truths,
        counts=ignored[:, 0] == 0,
        detections=kept.take(by_score),
        ground_truth=ground_truth[by_score],
    )
