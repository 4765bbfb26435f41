"""How far mAP could be otherwise, had other images been drawn: the bootstrap.

A resample draws as many images as there are, with replacement. Nothing is matched
anew: an image drawn twice has its detections and ground truths counted twice, so a
resample is a weight for each image, and AP follows from weighted sums along the
detections in their order. That is exact, but where two detections of one class in one
image have the very same score and the image is drawn several times: its copies then
keep their order by detection, and pycocotools would order them by copy.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

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
Weights = NDArray[np.integer]

# Resamples worked on together: their sums along the matched detections of a class take
# 8 bytes each, and should stay in the cache; a product wants some of them at least.
_CELLS_AT_ONCE, _LEAST_AT_ONCE = 1 << 18, 16
# Of large sets fewer, for the memory: resamples times images, or times detections.
_MOST_CELLS, _FEWEST_AT_ONCE = 1 << 22, 4


@dataclasses.dataclass(frozen=True, eq=False)
class MatchedImages:
    """One model's detections, matched once.

    Attributes:
      accumulator: of COCO's IoU thresholds and one range of areas; its images are those
        of `objects`, in that order. Their ids are numbers among the images that are
        resampled, by which equal scores are ordered.
      objects: [I, K] ground truths of each class in each image that count.
    """

    accumulator: CocoAccumulator
    objects: NDArray[np.int32]

    @classmethod
    def merge(cls, parts: Sequence["MatchedImages"]) -> "MatchedImages":
        """The images of at least one."""
        return cls(
            CocoAccumulator.merge([part.accumulator for part in parts]),
            np.concatenate([part.objects for part in parts]),
        )


def match_for_bootstrap(
    ground_truths: GroundTruths,
    detections: Detections,
    *,
    num_images: int,
    num_classes: int,
    difficult: DifficultMode = "ignore",
    area_range: AreaRange = COCO_AREA_RANGES[0],
    numbers: NDArray[np.integer] | None = None,
) -> MatchedImages:
    """Matches images that are numbered in the order of their sorted ids.

    They are all that are resampled, or those of the given numbers [I] among them.

    Objects outside the range of areas are as COCO has them: neither hit nor miss; nor
    is a detection outside that matches nothing.
    """
    accumulator = evaluate_images(
        ground_truths,
        detections,
        image_ids=np.arange(num_images) if numbers is None else numbers,
        num_classes=num_classes,
        protocol=CocoProtocol(area_ranges=(area_range,)),
        difficult=difficult,
    )
    _, ignored = crowd_and_ignored(ground_truths, difficult)
    area = ground_truths.area_px2
    ignored = ignored | (area < area_range.low_px2) | (area > area_range.high_px2)
    cells = ground_truths.image * num_classes + ground_truths.class_id
    objects = np.bincount(cells[~ignored], minlength=num_images * num_classes)
    by_class = objects.astype(np.int32).reshape(num_images, num_classes)
    return MatchedImages(accumulator, by_class)


def draw_images(num_images: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    """Weights [R, I]: how often each image is drawn in each resample.

    A byte each: no image of 255 or fewer can be drawn more often than that, and one of
    more images is with a probability below 1 / 256!, less than 1e-500. They lie by
    image, as `resampled_ap` takes them.
    """
    rng = np.random.default_rng(seed)
    weights = np.empty((resamples, num_images), np.uint8, order="F")
    for row in weights:
        drawn = rng.integers(0, num_images, num_images)
        row[:] = np.bincount(drawn, minlength=num_images)
    return weights


def resampled_ap(matched: MatchedImages, weights: Weights) -> Floats:
    """AP@[.50:.95] [R, K] of each class in each resample; NaN without an object.

    weights [R, I] as `draw_images` gives them. Two models are compared on the same
    resamples by being given the same weights.
    """
    by_image = weights.T
    objects = _sparse(matched.objects.T, matched.accumulator.image_ids, len(by_image))
    totals = np.empty((len(weights), len(matched.objects.T)), np.int64)  # [R, K]
    for rows, part in _resamples(by_image, 1):
        totals[rows] = (objects @ part).T
    average = np.empty(totals.shape)
    for class_id, ranked in enumerate(_ranked_classes(matched.accumulator)):
        average[:, class_id] = _class_ap(
            ranked, by_image, totals[:, class_id], matched.accumulator.protocol
        )
    average[totals == 0] = np.nan
    return average


def mean_ap(average: Floats) -> Floats:
    """The mAP [R] of `resampled_ap`, over the classes that a resample holds."""
    held = ~np.isnan(average)
    number = held.sum(axis=1)
    sums = np.where(held, average, 0.0).sum(axis=1)
    return np.where(number > 0, sums / np.maximum(number, 1), np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class _Ranked:
    """The matched detections [M] of one class, by falling score, equal ones by image.

    Those that nothing matched are kept as numbers alone, which makes a resample's cost
    one of the matched: they are most of what a model gives.
    """

    image: NDArray[np.int32]  # [M]
    hit: NDArray[np.bool_]  # [T, M]
    left_out: NDArray[np.bool_]  # [T, M] neither hit nor false alarm
    since_last: Any  # sparse [M, I]: detections of each image from one to the next


def _sparse(table: NDArray[np.int32], numbers: NDArray[Any], width: int) -> Any:
    """A table [N, C] as a matrix [N, width] that multiplies without its zeros.

    Column c is the one of number numbers[c] there.
    """
    # Here, since the metrics are imported by commands that need no bootstrap.
    from scipy import sparse

    held = sparse.csr_matrix(table)
    parts = (held.data, numbers.astype(np.int32)[held.indices], held.indptr)
    return sparse.csr_matrix(parts, shape=(len(table), width))


def _ranked_classes(accumulator: CocoAccumulator) -> Iterator[_Ranked]:
    protocol = accumulator.protocol
    numbers = accumulator.image_ids.astype(np.int32)
    image = np.repeat(numbers, accumulator.detections_per_image)
    is_sorted = bool((numbers[1:] > numbers[:-1]).all())
    # Class by class: what sorting takes is a multiple of what is sorted.
    for rows, matched_rows in accumulator.by_class():
        keys = [descending_key(accumulator.score[rows])]
        if not is_sorted:
            keys.append(image[rows].astype(np.uint32))
        order = stable_order(*keys)
        ordered, matched, matches = accumulator.in_order(rows, matched_rows, order)
        hit = unpack_bits(accumulator.true_positive[matches], protocol)
        ignored = unpack_bits(accumulator.ignored[matches], protocol)
        outside = accumulator.areas[ordered] == 0
        # What matches nothing is a false alarm at all thresholds, or at none.
        counts = ~outside
        counts[matched] = True
        yield _Ranked(
            image[ordered[matched]],
            hit,
            ignored | (outside[matched] & ~hit),
            _since_last(matched, np.flatnonzero(counts), image[ordered]),
        )


def _since_last(
    matched: NDArray[np.int64], counted: NDArray[np.int64], image: NDArray[np.int32]
) -> Any:
    """How many detections of each image count behind one matched and up to the next.

    matched [M] and counted [C] are ascending places, image [D] is of each place.
    """
    from scipy import sparse

    upto = np.searchsorted(matched, counted)
    known = upto < len(matched)  # behind the last one no precision is asked for
    upto, which = upto[known], image[counted[known]]
    ones = np.ones(len(which), np.int32)
    shape = (len(matched), int(image.max(initial=-1)) + 1)
    return sparse.csr_matrix((ones, (upto, which)), shape=shape)


def _resamples(
    by_image: Weights, detections: int
) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """Weights [I, R] in blocks [I, r], for work on so many detections of a class."""
    size = max(detections, len(by_image))
    most = max(_FEWEST_AT_ONCE, _MOST_CELLS // max(size, 1))
    at_once = min(most, max(_LEAST_AT_ONCE, _CELLS_AT_ONCE // max(detections, 1)))
    for first in range(0, by_image.shape[1], at_once):
        rows = slice(first, first + at_once)
        yield rows, by_image[:, rows].astype(np.int32, order="C")


def _class_ap(
    ranked: _Ranked,
    by_image: Weights,
    total: NDArray[np.int64],
    protocol: CocoProtocol,
) -> Floats:
    """AP [R] of one class with weights [I, R] and objects total [R]."""
    average = np.zeros(len(total))
    size = len(ranked.image)
    if not size:
        return average
    for rows, weights in _resamples(by_image, size):
        since_last = ranked.since_last @ weights[: ranked.since_last.shape[1]]
        seen = np.cumsum(since_last.T, axis=1, dtype=np.int32)  # [r, M]
        del since_last
        drawn = np.ascontiguousarray(weights[ranked.image].T)  # [r, M]
        needed = hits_needed(total[rows], protocol)
        for hit, left_out in zip(ranked.hit, ranked.left_out, strict=True):
            average[rows] += _precision_sum(
                drawn, seen, np.flatnonzero(hit), np.flatnonzero(left_out), needed
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

    drawn [r, M] how often each matched detection counts, seen how many detections do up
    to each; hits and left_out are places among the M; needed [r, Q] are hits that reach
    each recall.
    """
    if not len(hits):
        return np.zeros(len(drawn))
    # `take` that may clip is several times faster than an index; nothing is clipped.
    found = np.take(drawn, hits, axis=1, mode="clip")
    np.cumsum(found, axis=1, out=found)
    counted = np.take(seen, hits, axis=1, mode="clip")
    if len(left_out):
        before = np.zeros((len(drawn), len(left_out) + 1), np.int32)
        np.cumsum(np.take(drawn, left_out, 1, mode="clip"), axis=1, out=before[:, 1:])
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
