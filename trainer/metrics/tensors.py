"""Accumulator -> precision, recall and score arrays in pycocotools' layout."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.accumulator import CocoAccumulator
from trainer.metrics.matching import Words
from trainer.metrics.protocol import CocoProtocol
from trainer.metrics.sorting import descending_key, stable_order

Floats = NDArray[np.float64]

# pycocotools' value for "there is nothing to find".
UNDEFINED = -1.0


@dataclasses.dataclass(frozen=True, eq=False)
class CocoTensors:
    """T IoU thresholds, R recall thresholds, K classes, A areas, M detection limits.

    Attributes:
        precision: [T, R, K, A, M] highest precision at that recall or beyond; 0 where
            the recall is not reached, -1 where the class has no ground truth.
        recall: [T, K, A, M] highest recall.
        scores: [T, R, K, A, M] score at which that recall is reached, else 0.
    """

    precision: Floats
    recall: Floats
    scores: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class _Ranked:
    """Detections of all images in their final order: class, falling score, image id."""

    class_start: NDArray[np.int64]  # [K + 1]
    score: NDArray[np.floating]  # [D]
    inside: NDArray[np.int32]  # [A, D + 1] detections inside the area range before row
    matched: NDArray[np.int64]  # [M] ascending rows
    matched_inside: NDArray[np.bool_]  # [A, M]
    true_positive: Words  # [M, W]
    ignored: Words  # [M, W]


def coco_tensors(accumulator: CocoAccumulator) -> CocoTensors:
    """All three arrays for every detection limit of the protocol."""
    parts = [
        precision_and_scores(accumulator, limit)
        for limit in accumulator.protocol.max_dets
    ]
    precision, scores = (np.stack(arrays, -1) for arrays in zip(*parts, strict=True))
    return CocoTensors(precision, recall_tensor(accumulator), scores)


def precision_and_scores(
    accumulator: CocoAccumulator, max_dets: int
) -> tuple[Floats, Floats]:
    """Precision and scores [T, R, K, A] with at most `max_dets` a class and image."""
    order = _final_order(accumulator)
    if max_dets < accumulator.protocol.max_dets[-1]:
        order = order[accumulator.rank()[order] < max_dets]
    ranked = _rank(accumulator, order)
    protocol = accumulator.protocol
    totals = accumulator.num_ground_truths
    shape = (len(protocol.iou_thresholds), len(protocol.recall_thresholds))
    precision = np.full((*shape, *totals.shape), UNDEFINED)
    scores = np.full_like(precision, UNDEFINED)
    needed = _hits_needed(totals, protocol)
    for class_id, area in zip(*np.nonzero(totals), strict=True):
        precision[..., class_id, area], scores[..., class_id, area] = _curve(
            ranked, class_id, area, needed[class_id, area], protocol
        )
    return precision, scores


def recall_tensor(accumulator: CocoAccumulator) -> Floats:
    """Highest recall [T, K, A, M] with the protocol's detection limits."""
    protocol, totals = accumulator.protocol, accumulator.num_ground_truths
    num_classes, num_areas = totals.shape
    num_ious = len(protocol.iou_thresholds)
    recall = np.full((num_ious, *totals.shape, len(protocol.max_dets)), UNDEFINED)
    class_id = accumulator.class_id[accumulator.matched]
    rank = accumulator.matched_rank()
    known = totals > 0
    for area in range(num_areas):
        hit = _bits(accumulator.true_positive, area, protocol)
        for limit_index, limit in enumerate(protocol.max_dets):
            within = hit & (rank < limit)
            for iou in range(num_ious):
                hits = np.bincount(class_id[within[iou]], minlength=num_classes)
                ratio = hits / np.maximum(totals[:, area], 1)
                recall[iou, :, area, limit_index] = np.where(
                    known[:, area], ratio, UNDEFINED
                )
    return recall


def _final_order(accumulator: CocoAccumulator) -> NDArray[np.int64]:
    """Detection rows by class, falling score, sorted image id, input order."""
    ids = accumulator.image_ids
    id_order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(ids[id_order[1:]] == ids[id_order[:-1]])
    if len(repeated):
        raise ValueError(f"image {ids[id_order[repeated[0]]]!r} was added twice")
    keys = [accumulator.class_id, descending_key(accumulator.score)]
    if (id_order[1:] < id_order[:-1]).any():
        id_rank = np.empty(len(ids), np.uint32)
        id_rank[id_order] = np.arange(len(ids), dtype=np.uint32)
        keys.append(np.repeat(id_rank, accumulator.detections_per_image))
    return stable_order(*keys)


def _rank(accumulator: CocoAccumulator, order: NDArray[np.int64]) -> _Ranked:
    num_classes, num_areas = accumulator.num_ground_truths.shape
    position = np.full(len(accumulator.class_id), -1)
    position[order] = np.arange(len(order))
    matched = position[accumulator.matched]
    by_position = np.argsort(matched, kind="stable")
    by_position = by_position[np.searchsorted(matched[by_position], 0) :]
    matched = matched[by_position]
    areas = accumulator.areas[order]
    inside = np.zeros((num_areas, len(order) + 1), np.int32)
    matched_inside = np.empty((num_areas, len(matched)), bool)
    for area in range(num_areas):
        holds = (areas >> areas.dtype.type(area)) & areas.dtype.type(1)
        np.cumsum(holds, out=inside[area, 1:])
        matched_inside[area] = holds[matched]
    return _Ranked(
        class_start=np.searchsorted(
            accumulator.class_id[order], np.arange(num_classes + 1)
        ),
        score=accumulator.score[order],
        inside=inside,
        matched=matched,
        matched_inside=matched_inside,
        true_positive=accumulator.true_positive[by_position],
        ignored=accumulator.ignored[by_position],
    )


def _hits_needed(
    num_ground_truths: NDArray[np.int64], protocol: CocoProtocol
) -> NDArray[np.int64]:
    """[K, A, R] fewest hits whose recall hits / total, in float64, reaches each R."""
    total = np.maximum(num_ground_truths, 1)[..., None].astype(np.float64)
    recalls = np.asarray(protocol.recall_thresholds)
    hits = np.ceil(recalls * total)
    # The product may round across an integer: settle it with the very quotient.
    hits = np.where((hits - 1) / total >= recalls, hits - 1, hits)
    hits = np.where(hits / total < recalls, hits + 1, hits)
    return np.maximum(hits, 0).astype(np.int64)


def _curve(
    ranked: _Ranked,
    class_id: int,
    area: int,
    needed: NDArray[np.int64],
    protocol: CocoProtocol,
) -> tuple[Floats, Floats]:
    """Precision and score [T, R] of one class at the hits `needed` [R].

    Precision falls between two hits, so the curve is computed at the matched detections
    alone; the unmatched ones enter by their number.
    """
    start, end = ranked.class_start[class_id : class_id + 2]
    matches = slice(*np.searchsorted(ranked.matched, (start, end)))
    row = ranked.matched[matches]
    hit = _bits(ranked.true_positive[matches], area, protocol)
    skipped = _bits(ranked.ignored[matches], area, protocol)
    hits = np.cumsum(hit, axis=1)
    inside = ranked.inside[area, row + 1] - ranked.inside[area, start]
    matched_inside = (hit | skipped) & ranked.matched_inside[area, matches]
    misses = inside - np.cumsum(matched_inside, axis=1)
    precision = np.where(hit, hits / (hits + misses + np.spacing(1)), 0.0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]

    total = hit.sum(axis=1)[:, None]
    reached = (needed <= total) & (total > 0)
    # All hits in one list, threshold after threshold: the n-th of threshold t is entry
    # (hits of the thresholds before t) + n - 1. A recall of 0 takes the first hit.
    threshold, column = np.nonzero(hit)
    first = np.cumsum(total, axis=0) - total
    entry = np.where(reached, first + np.maximum(needed, 1) - 1, -1)
    at_recall = np.zeros(entry.shape)
    scores = np.zeros(entry.shape)
    cell = threshold[entry[reached]], column[entry[reached]]
    at_recall[reached] = envelope[cell]
    scores[reached] = ranked.score[row[cell[1]]]
    if end > start:  # pycocotools reads the score at recall 0 off the first detection
        scores[:, needed == 0] = ranked.score[start]
    return at_recall, scores


def _bits(words: Words, area: int, protocol: CocoProtocol) -> NDArray[np.bool_]:
    """Words [M, W] -> [T, M], the bits of one area range."""
    word, first_bit = protocol.bit(area, 0)
    shifts = np.arange(len(protocol.iou_thresholds), dtype=np.uint64) + np.uint64(
        first_bit
    )
    return ((words[:, word] >> shifts[:, None]) & np.uint64(1)).astype(bool)
