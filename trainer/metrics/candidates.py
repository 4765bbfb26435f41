"""Pairs of a detection and a ground truth that overlap enough to be matched."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.boxes import PairIou
from trainer.metrics.sorting import group_starts, position_in_group

# Pairs whose IoU is computed at once: bounds memory, and the arrays stay in the cache.
PAIRS_AT_ONCE = 1 << 16

# pycocotools lowers its thresholds to this, so that equal boxes pass one of 1.0.
HIGHEST_THRESHOLD = 1 - 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class CandidatePairs:
    """Ordered by detection, then falling IoU, then falling ground truth row.

    Attributes:
        detection: [P] row of the detection.
        ground_truth: [P] row of the ground truth.
        iou: [P] intersection over union; over detection area for a crowd.
    """

    detection: NDArray[np.int64]
    ground_truth: NDArray[np.int64]
    iou: NDArray[np.float64]

    def level(self, thresholds: tuple[float, ...]) -> NDArray[np.int64]:
        """[P] how many of the increasing thresholds each pair reaches."""
        limits = np.minimum(thresholds, HIGHEST_THRESHOLD)
        return np.searchsorted(limits, self.iou, side="right")


def find_candidates(
    detection_group: NDArray[np.int64],
    detection_xywh: NDArray[np.float64],
    ground_truth_group: NDArray[np.int64],
    ground_truth_xywh: NDArray[np.float64],
    crowd: NDArray[np.bool_],
    min_iou: float,
) -> CandidatePairs:
    """All pairs within a group (one class of one image) that reach `min_iou`.

    Args:
        detection_group: [D] group numbers, ascending.
        detection_xywh: [D, 4].
        ground_truth_group: [G] group numbers in any order.
        ground_truth_xywh: [G, 4].
        crowd: [G] compare the intersection with the detection's area alone.
        min_iou: above 0, so that only overlapping boxes can be pairs.
    """
    order = np.argsort(ground_truth_group, kind="stable")
    finder = PairIou(detection_xywh, ground_truth_xywh[order], crowd[order])
    sorted_groups = ground_truth_group[order]
    limit = min(min_iou, HIGHEST_THRESHOLD)
    parts = [
        finder.reaching(limit, detection, ground_truth)
        for detection, ground_truth in _pairs_in_groups(detection_group, sorted_groups)
    ]
    detection, ground_truth, iou = (
        np.concatenate([np.zeros(0, dtype), *columns])
        for dtype, columns in zip(
            (np.int64, np.int64, np.float64),
            zip(*parts, strict=True) if parts else ((), (), ()),
            strict=True,
        )
    )
    best_first = _best_first(detection, iou)
    return CandidatePairs(
        detection[best_first], order[ground_truth[best_first]], iou[best_first]
    )


def _pairs_in_groups(
    detection_group: NDArray[np.int64], ground_truth_group: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Index pairs of equal group in blocks; the later ground truth comes first."""
    starts = group_starts(detection_group)
    sizes = np.diff(starts, append=len(detection_group))
    groups = detection_group[starts]
    first = np.searchsorted(ground_truth_group, groups, side="left")
    end = np.searchsorted(ground_truth_group, groups, side="right")
    partners = np.repeat(end - first, sizes)
    end_by_detection = np.repeat(end, sizes)
    has_partner = np.flatnonzero(partners)
    total = np.cumsum(partners[has_partner])
    num_pairs = int(total[-1]) if len(total) else 0
    cuts = np.searchsorted(total, np.arange(0, num_pairs, PAIRS_AT_ONCE), side="right")
    for rows in np.split(has_partner, cuts[1:]):
        count = partners[rows]
        detection = np.repeat(rows, count)
        step = position_in_group(np.cumsum(count) - count, len(detection))
        yield detection, end_by_detection[detection] - 1 - step


def _best_first(
    detection: NDArray[np.int64], iou: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Order by detection, then falling IoU; equal IoUs stay in order."""
    order = np.arange(len(detection))
    starts = group_starts(detection)
    sizes = np.diff(starts, append=len(detection))
    rivals = np.flatnonzero(np.repeat(sizes > 1, sizes))
    order[rivals] = rivals[np.lexsort((-iou[rivals], detection[rivals]))]
    return order
