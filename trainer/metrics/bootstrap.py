"""How far mAP could be otherwise, had other images been drawn: the bootstrap.

A resample draws as many images as there are, with replacement. Nothing is matched
anew: an image drawn twice has its detections and ground truths counted twice, so a
resample is a weight for each image, and AP follows from weighted sums along the
detections in their order. That is exact, but where two detections of one class in one
image have the very same score and the image is drawn several times: its copies then
keep their order by detection, and pycocotools would order them by copy.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.box_columns import Detections, GroundTruths, crowd_and_ignored
from trainer.metrics.protocol import (
    COCO_AREA_RANGES,
    AreaRange,
    CocoProtocol,
    DifficultMode,
)
from trainer.metrics.sorting import descending_key, stable_order
from trainer.metrics.tensors import hits_needed, unpack_bits

Floats = NDArray[np.float64]
Weights = NDArray[np.int32]

# Resamples worked on together: their sums along the detections of a class take
# 8 bytes each, and should stay in the cache.
_CELLS_AT_ONCE = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class MatchedImages:
    """One model's detections, matched once.

    Attributes:
      accumulator: of COCO's IoU thresholds and one range of areas; its images are those
        of `objects`, in that order, which is the order of equal scores.
      objects: [I, K] ground truths of each class in each image that count.
    """

    accumulator: CocoAccumulator
    objects: NDArray[np.int64]


def match_for_bootstrap(
    ground_truths: GroundTruths,
    detections: Detections,
    *,
    num_images: int,
    num_classes: int,
    difficult: DifficultMode = "ignore",
    area_range: AreaRange = COCO_AREA_RANGES[0],
) -> MatchedImages:
    """Matches images that are numbered in the order of their sorted ids.

    Objects outside the range of areas are as COCO has them: neither hit nor miss; nor
    is a detection outside that matches nothing.
    """
    accumulator = evaluate_images(
        ground_truths,
        detections,
        image_ids=np.arange(num_images),
        num_classes=num_classes,
        protocol=CocoProtocol(area_ranges=(area_range,)),
        difficult=difficult,
    )
    _, ignored = crowd_and_ignored(ground_truths, difficult)
    area = ground_truths.area_px2
    ignored = ignored | (area < area_range.low_px2) | (area > area_range.high_px2)
    cells = ground_truths.image * num_classes + ground_truths.class_id
    objects = np.bincount(cells[~ignored], minlength=num_images * num_classes)
    return MatchedImages(accumulator, objects.reshape(num_images, num_classes))


def draw_images(num_images: int, resamples: int, seed: int) -> NDArray[np.int32]:
    """Weights [R, I]: how often each image is drawn in each resample."""
    rng = np.random.default_rng(seed)
    weights = np.empty((resamples, num_images), np.int32)
    for row in weights:
        drawn = rng.integers(0, num_images, num_images)
        row[:] = np.bincount(drawn, minlength=num_images)
    return weights


def resampled_ap(matched: MatchedImages, weights: Weights) -> Floats:
    """AP@[.50:.95] [R, K] of each class in each resample; NaN without an object.

    weights [R, I] as `draw_images` gives them. Two models are compared on the same
    resamples by being given the same weights.
    """
    totals = weights.astype(np.int64) @ matched.objects  # [R, K]
    average = np.full(totals.shape, np.nan)
    for class_id, ranked in enumerate(_ranked_classes(matched.accumulator)):
        known = totals[:, class_id] > 0
        total = totals[known, class_id]
        average[known, class_id] = _class_ap(
            ranked, weights[known], total, matched.accumulator.protocol
        )
    return average


def mean_ap(average: Floats) -> Floats:
    """The mAP [R] of `resampled_ap`, over the classes that a resample holds."""
    held = ~np.isnan(average)
    number = held.sum(axis=1)
    sums = np.where(held, average, 0.0).sum(axis=1)
    return np.where(number > 0, sums / np.maximum(number, 1), np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class _Ranked:
    """Detections of one class, by falling score, equal scores by image."""

    image: NDArray[np.int64]  # [D]
    matched: NDArray[np.int64]  # [M] ascending places among the D
    hit: NDArray[np.bool_]  # [T, M]
    ignored: NDArray[np.bool_]  # [T, M]
    outside: NDArray[np.int64]  # [O] ascending places: of an area out of the range

    def left_out(self, threshold: int) -> NDArray[np.int64]:
        """Ascending places that are neither hit nor false alarm at threshold T."""
        ignored = self.matched[self.ignored[threshold]]
        if not len(self.outside):
            return ignored
        hits = self.matched[self.hit[threshold]]
        unhit = np.setdiff1d(self.outside, hits, assume_unique=True)
        return np.union1d(ignored, unhit)


def _ranked_classes(accumulator: CocoAccumulator) -> Iterator[_Ranked]:
    protocol = accumulator.protocol
    images = np.arange(accumulator.num_images)
    image = np.repeat(images, accumulator.detections_per_image)
    order = stable_order(accumulator.class_id, descending_key(accumulator.score))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    matched = place[accumulator.matched]
    by_place = np.argsort(matched)
    matched = matched[by_place]
    hit = unpack_bits(accumulator.true_positive[by_place], protocol)
    ignored = unpack_bits(accumulator.ignored[by_place], protocol)
    num_classes = len(accumulator.num_ground_truths)
    ends = np.cumsum(np.bincount(accumulator.class_id, minlength=num_classes))
    for first, end in zip([0, *ends[:-1]], ends, strict=True):
        rows = slice(*np.searchsorted(matched, (first, end)))
        ranked = order[first:end]
        yield _Ranked(
            image[ranked],
            matched[rows] - first,
            hit[:, rows],
            ignored[:, rows],
            np.flatnonzero(accumulator.areas[ranked] == 0),
        )


def _class_ap(
    ranked: _Ranked, weights: Weights, total: NDArray[np.int64], protocol: CocoProtocol
) -> Floats:
    """AP [R] of one class with weights [R, I] and objects total [R], all above 0."""
    average = np.zeros(len(weights))
    at_once = max(1, _CELLS_AT_ONCE // max(len(ranked.image), 1))
    for first in range(0, len(weights), at_once):
        rows = slice(first, first + at_once)
        drawn = np.take(weights[rows], ranked.image, axis=1, mode="clip")  # [r, D]
        seen = np.cumsum(drawn, axis=1, dtype=np.int32)
        needed = hits_needed(total[rows], protocol)
        for threshold, hit in enumerate(ranked.hit):
            average[rows] += _precision_sum(
                drawn, seen, ranked.matched[hit], ranked.left_out(threshold), needed
            )
    curves = len(protocol.iou_thresholds) * len(protocol.recall_thresholds)
    return average / curves


def _precision_sum(
    drawn: NDArray[np.int32],
    seen: NDArray[np.int32],
    hits: NDArray[np.int64],
    left_out: NDArray[np.int64],
    needed: NDArray[np.int64],
) -> Floats:
    """Sum [r] over the recall thresholds of the highest precision at or beyond each.

    drawn [r, D] how often each detection counts, seen its sum up to each; hits and
    left_out are places among the D; needed [r, Q] are hits that reach each recall.
    """
    if not len(hits):
        return np.zeros(len(drawn))
    # `take` that may clip is several times faster than an index; nothing is clipped.
    found = np.take(drawn, hits, axis=1, mode="clip")
    np.cumsum(found, axis=1, out=found)
    counted = np.take(seen, hits, axis=1, mode="clip")
    if len(left_out):
        before = np.zeros((len(drawn), len(left_out) + 1), np.int32)
        np.cumsum(drawn[:, left_out], axis=1, out=before[:, 1:])
        counted -= np.take(before, np.searchsorted(left_out, hits), 1, mode="clip")
    precision = np.add(counted, np.spacing(1))
    np.divide(found, precision, out=precision)
    # The first hit that reaches each recall, in all resamples by one search: each
    # resample's counts are lifted above those of the one before.
    most = int(max(found[:, -1].max(), needed.max())) + 2
    lift = (np.arange(len(drawn), dtype=np.int32) * most)[:, None]
    found += lift
    wanted = np.maximum(needed, 1).astype(np.int32) + lift
    place = np.searchsorted(found.ravel(), wanted.ravel()).reshape(needed.shape)
    first = (np.arange(len(drawn)) * len(hits))[:, None]
    reached = place - first < len(hits)
    # The highest precision from each recall to the next, then at or beyond each. The
    # last one's stretch ends in the next resample, before its first hit, at nothing.
    stretch = np.minimum(place, first + len(hits) - 1).ravel()
    highest = np.maximum.reduceat(precision.ravel(), stretch).reshape(needed.shape)
    envelope = np.maximum.accumulate(highest[:, ::-1], axis=1)[:, ::-1]
    return np.where(reached, envelope, 0.0).sum(axis=1)
