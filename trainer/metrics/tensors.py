"""Accumulator -> precision, recall and score arrays in pycocotools' layout."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.accumulator import CocoAccumulator
from trainer.metrics.matching import Words
from trainer.metrics.protocol import WORD_BITS, CocoProtocol
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
    matched_inside: NDArray[np.bool_]  # [M, A]
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
    for class_id in np.flatnonzero(totals.any(axis=1)):
        known = totals[class_id] > 0
        for array, curve in zip(
            (precision, scores),
            _curves(ranked, class_id, totals[class_id], protocol),
            strict=True,
        ):
            by_area = curve.reshape(-1, *shape).transpose(1, 2, 0)  # [T, R, A]
            array[:, :, class_id, known] = by_area[:, :, known]
    return precision, scores


def recall_tensor(accumulator: CocoAccumulator) -> Floats:
    """Highest recall [T, K, A, M] with the protocol's detection limits."""
    protocol, totals = accumulator.protocol, accumulator.num_ground_truths
    num_classes, num_areas = totals.shape
    class_id = accumulator.class_id[accumulator.matched]
    by_class = np.argsort(class_id, kind="stable")
    present, start = np.unique(class_id[by_class], return_index=True)
    hit = _unpack_bits(accumulator.true_positive[by_class], protocol)
    rank = accumulator.matched_rank()[by_class]
    hits = np.zeros((len(protocol.max_dets), num_classes, hit.shape[1]), np.int64)
    for limit, counted in zip(protocol.max_dets, hits, strict=True):
        within = hit & (rank < limit)[:, None]
        if len(present):
            counted[present] = np.add.reduceat(within, start, axis=0, dtype=np.int64)
    by_area = hits.reshape(*hits.shape[:2], num_areas, -1).transpose(3, 1, 2, 0)
    total = totals[..., None]
    return np.where(total > 0, by_area / np.maximum(total, 1), UNDEFINED)


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
    matched_inside = np.empty((len(matched), num_areas), bool)
    for area in range(num_areas):
        holds = (areas >> areas.dtype.type(area)) & areas.dtype.type(1)
        np.cumsum(holds, out=inside[area, 1:])
        matched_inside[:, area] = holds[matched]
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
    """[A, R] fewest hits whose recall hits / total, in float64, reaches each R."""
    total = np.maximum(num_ground_truths, 1)[:, None].astype(np.float64)
    recalls = np.asarray(protocol.recall_thresholds)
    hits = np.ceil(recalls * total)
    # The product may round across an integer: settle it with the very quotient.
    hits = np.where((hits - 1) / total >= recalls, hits - 1, hits)
    hits = np.where(hits / total < recalls, hits + 1, hits)
    return np.maximum(hits, 0).astype(np.int64)


def _curves(
    ranked: _Ranked,
    class_id: int,
    num_ground_truths: NDArray[np.int64],
    protocol: CocoProtocol,
) -> tuple[Floats, Floats]:
    """Precision and score [B, R] of one class, B = A * T runs.

    Precision falls between two hits, so the curves are computed at the n detections
    that match something; the unmatched ones enter by their number.
    """
    start, end = ranked.class_start[class_id : class_id + 2]
    matches = slice(*np.searchsorted(ranked.matched, (start, end)))
    row = ranked.matched[matches]
    hit = _unpack_bits(ranked.true_positive[matches], protocol)  # [n, B]
    skipped = _unpack_bits(ranked.ignored[matches], protocol)
    by_area = (len(row), len(protocol.area_ranges), len(protocol.iou_thresholds))
    hits = np.cumsum(hit, axis=0, dtype=np.int32)
    inside = (ranked.inside[:, row + 1] - ranked.inside[:, start, None]).T
    matched_inside = (hit | skipped).reshape(by_area)
    matched_inside &= ranked.matched_inside[matches, :, None]
    misses = inside[..., None] - np.cumsum(matched_inside, axis=0, dtype=np.int32)
    seen = hits + misses.reshape(hits.shape)
    precision = np.where(hit, hits / (seen + np.spacing(1)), 0.0)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]

    total = hit.sum(axis=0)[:, None]
    needed = np.repeat(_hits_needed(num_ground_truths, protocol), by_area[2], axis=0)
    reached = (needed <= total) & (total > 0)
    # All hits in one list, run after run: the n-th of run b is entry (hits of the runs
    # before b) + n - 1. A recall of 0 takes the first hit.
    run, nth_row = np.nonzero(hit.T)
    first = np.cumsum(total, axis=0) - total
    entry = (first + np.maximum(needed, 1) - 1)[reached]
    at_recall, scores = np.zeros((2, *needed.shape))
    at_recall[reached] = envelope[nth_row[entry], run[entry]]
    scores[reached] = ranked.score[row[nth_row[entry]]]
    if end > start:  # pycocotools reads the score at recall 0 off the first detection
        scores[needed == 0] = ranked.score[start]
    return at_recall, scores


def _unpack_bits(words: Words, protocol: CocoProtocol) -> NDArray[np.bool_]:
    """Words [M, W] -> [M, A * T], a column for each run."""
    little_endian = np.ascontiguousarray(words, "<u8").view(np.uint8)
    bits: NDArray[np.uint8] = np.unpackbits(little_endian, axis=1, bitorder="little")
    bits = bits.reshape(len(words), protocol.num_words, WORD_BITS)
    used = protocol.areas_per_word * len(protocol.iou_thresholds)  # of each word
    runs = bits[:, :, :used].reshape(len(words), protocol.num_words * used)
    return runs[:, : protocol.num_runs].view(bool)
