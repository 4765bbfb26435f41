"""The PASCAL VOC protocols: average precision at one IoU, `difficult` ignored.

As the devkit does it: a detection is compared with the ground truth it overlaps most,
difficult ones included (the first in the file at equal overlap). If that overlap
reaches the threshold, a difficult ground truth makes it neither hit nor miss, a free
one a hit, a taken one a miss; below the threshold it is a miss. Unlike in COCO's
matching, a taken ground truth still attracts detections.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.candidates import find_candidates
from trainer.metrics.sorting import descending_key, group_starts, stable_order

VocProtocolName = Literal["voc07", "voc10"]
VOC_PROTOCOLS: tuple[VocProtocolName, ...] = get_args(VocProtocolName)
UNDEFINED = -1.0

_Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class VocSummary:
    """Average precision in 0..1; -1 where a class has no ground truth.

    Attributes:
        mean_ap: over the classes that have ground truths.
        per_class: class name -> AP.
        num_images: images evaluated, those without boxes included.
    """

    mean_ap: float
    per_class: dict[str, float]
    num_images: int
    difficult: Literal["ignore"] = "ignore"


def voc_summary(
    ground_truths: GroundTruths,
    detections: Detections,
    *,
    image_ids: Sequence[Any] | NDArray[Any],
    class_names: Sequence[str],
    protocol: VocProtocolName = "voc07",
    min_iou: float = 0.5,
    extra_pixel: float = 1.0,
) -> VocSummary:
    """Evaluates by the devkit's rules.

    Args:
        ground_truths: `image` indexes image_ids, `class_id` class_names. Crowds are
            treated as difficult: VOC has none.
        detections: likewise; equal scores rank by sorted image id, then input order.
        image_ids: all images, those without boxes too.
        class_names: all classes.
        protocol: `voc07` averages precision at 11 recalls, `voc10` at every recall.
        min_iou: overlap that makes a hit; reaching it is enough.
        extra_pixel: added to every width and height. The devkit's corners are
            inclusive, so it adds 1 to xmax - xmin; half-open boxes need 0.
    """
    if protocol not in VOC_PROTOCOLS:
        known = ", ".join(VOC_PROTOCOLS)
        raise ValueError(f"protocol must be one of {known}, got {protocol!r}")
    id_rank = np.empty(len(image_ids), np.int64)
    id_rank[np.argsort(np.asarray(image_ids), kind="stable")] = np.arange(len(id_rank))
    order = stable_order(
        detections.class_id.astype(np.uint16),
        descending_key(detections.score),
        id_rank[detections.image].astype(np.uint32),
    )
    ranked = detections.take(order)
    counts = ~(ground_truths.difficult | ground_truths.crowd)
    hit, miss = _judge(ranked, ground_truths, counts, min_iou, extra_pixel)
    start = np.searchsorted(ranked.class_id, np.arange(len(class_names) + 1))
    totals = np.bincount(
        ground_truths.class_id[counts], minlength=len(class_names)
    ).tolist()
    average = _eleven_points if protocol == "voc07" else _every_point
    per_class = {
        name: _average_precision(
            hit[start[k] : start[k + 1]],
            miss[start[k] : start[k + 1]],
            totals[k],
            average,
        )
        for k, name in enumerate(class_names)
    }
    defined = [value for value in per_class.values() if value != UNDEFINED]
    mean_ap = float(np.mean(defined)) if defined else UNDEFINED
    return VocSummary(mean_ap, per_class, len(image_ids))


def _judge(
    ranked: Detections,
    ground_truths: GroundTruths,
    counts: NDArray[np.bool_],
    min_iou: float,
    extra_pixel: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Hits and misses among detections that stand in the order of their scores."""
    num_images = int(
        max(ranked.image.max(initial=0), ground_truths.image.max(initial=0))
    )
    group = ranked.class_id * (num_images + 1) + ranked.image
    by_group = np.argsort(group, kind="stable")
    wider = np.array([0, 0, extra_pixel, extra_pixel])
    # Candidates prefer the later of two equal overlaps, VOC the earlier: turn round.
    pairs = find_candidates(
        group[by_group],
        ranked.boxes_xywh[by_group] + wider,
        (ground_truths.class_id * (num_images + 1) + ground_truths.image)[::-1],
        (ground_truths.boxes_xywh + wider)[::-1],
        np.zeros(len(ground_truths), bool),
        min_iou,
    )
    best = group_starts(pairs.detection)
    detection = by_group[pairs.detection[best]]
    ground_truth = len(ground_truths) - 1 - pairs.ground_truth[best]
    hit = np.zeros(len(ranked), bool)
    miss = np.ones(len(ranked), bool)
    miss[detection[~counts[ground_truth]]] = False
    claims = np.flatnonzero(counts[ground_truth])
    # Within a group detections stand by falling score: the first claim is the best.
    _, first = np.unique(ground_truth[claims], return_index=True)
    hit[detection[claims[first]]] = True
    miss[hit] = False
    return hit, miss


def _average_precision(
    hit: NDArray[np.bool_],
    miss: NDArray[np.bool_],
    total: int,
    average: Callable[[_Floats, _Floats], float],
) -> float:
    if not total:
        return UNDEFINED
    hits = np.cumsum(hit)
    precision = hits / np.maximum(hits + np.cumsum(miss), 1)
    return average(hits / total, precision)


def _eleven_points(recall: _Floats, precision: _Floats) -> float:
    """Mean of the best precision at recalls of at least 0, 0.1, ..., 1."""
    # arange, as the devkit's 0:0.1:1: its third tenth is a little more than 0.3
    best = [
        np.max(precision[recall >= level], initial=0.0)
        for level in np.arange(0.0, 1.1, 0.1)
    ]
    return float(np.mean(best))


def _every_point(recall: _Floats, precision: _Floats) -> float:
    """Area under the precision curve made to fall everywhere."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
