"""Accumulator -> precision, recall and score arrays in pycocotools' layout."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.accumulator import CocoAccumulator
from trainer.metrics.matching import Words, words_of_areas
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
    """Detections of one class in their final order: falling score, sorted image id."""

    score: NDArray[np.floating]  # [D]
    inside: NDArray[np.int32]  # [A, D + 1] detections inside the area range before row
    matched: NDArray[np.int64]  # [M] ascending rows
    true_positive: Words  # [M, W]
    not_missed: Words  # [M, W] matched, and inside the area range


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
    """Precision and scores [T, R, K, A] with at most `max_dets` per class and image."""
    protocol, totals = accumulator.protocol, accumulator.num_ground_truths
    shape = (len(protocol.iou_thresholds), len(protocol.recall_thresholds))
    precision = np.full((*shape, *totals.shape), UNDEFINED)
    scores = np.full_like(precision, UNDEFINED)
    for class_id, ranked in enumerate(_ranked_classes(accumulator, max_dets)):
        known = totals[class_id] > 0
        if not known.any():
            continue
        for array, curve in zip(
            (precision, scores),
            _curves(ranked, totals[class_id], protocol),
            strict=True,
        ):
            by_area = curve.reshape(-1, *shape).transpose(1, 2, 0)  # [T, R, A]
            array[:, :, class_id, known] = by_area[:, :, known]
    return precision, scores


def recall_tensor(accumulator: CocoAccumulator) -> Floats:
    """Highest recall [T, K, A, M] with the protocol's detection limits."""
    return recall_of_hits(count_hits(accumulator), accumulator.num_ground_truths)


def recall_of_hits(
    hits: NDArray[np.int64], num_ground_truths: NDArray[np.int64]
) -> Floats:
    """Highest recall [T, K, A, M] of `count_hits` and objects [K, A]."""
    num_areas, total = num_ground_truths.shape[1], num_ground_truths[..., None]
    by_area = hits.reshape(*hits.shape[:2], num_areas, -1).transpose(3, 1, 2, 0)
    return np.where(total > 0, by_area / np.maximum(total, 1), UNDEFINED)


def count_hits(accumulator: CocoAccumulator) -> NDArray[np.int64]:
    """Hits [M, K, A * T] with the protocol's detection limits."""
    protocol = accumulator.protocol
    num_classes = len(accumulator.num_ground_truths)
    class_id = accumulator.class_id[accumulator.matched]
    rank = accumulator.matched_rank()
    hits = np.empty((len(protocol.max_dets), num_classes, protocol.num_runs), np.int64)
    for limit, counted in zip(protocol.max_dets, hits, strict=True):
        within = rank < limit
        words = accumulator.true_positive[within]
        counted[:] = _count_bits(words, class_id[within], num_classes, protocol)
    return hits


def _image_rank(accumulator: CocoAccumulator) -> NDArray[np.uint32] | None:
    """[D] place of a row's image among the sorted ids; None if they are sorted."""
    ids = accumulator.image_ids
    id_order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(ids[id_order[1:]] == ids[id_order[:-1]])
    if len(repeated):
        raise ValueError(f"image {ids[id_order[repeated[0]]]!r} was added twice")
    if (id_order[1:] > id_order[:-1]).all():
        return None
    id_rank = np.empty(len(ids), np.uint32)
    id_rank[id_order] = np.arange(len(ids), dtype=np.uint32)
    return np.repeat(id_rank, accumulator.detections_per_image)


def _ranked_classes(accumulator: CocoAccumulator, max_dets: int) -> Iterator[_Ranked]:
    """Each class with its detections and matches in their final order."""
    protocol = accumulator.protocol
    image_rank = _image_rank(accumulator)
    is_cut = max_dets < protocol.max_dets[-1]
    rank = accumulator.rank() if is_cut else None
    # Class by class: what sorting takes is a multiple of what is sorted.
    for of_class, matches_of_class in accumulator.by_class():
        rows, matches = of_class, matches_of_class
        if rank is not None:
            rows = rows[rank[rows] < max_dets]
            matches = matches[rank[accumulator.matched[matches]] < max_dets]
        keys = [descending_key(accumulator.score[rows])]
        if image_rank is not None:
            keys.append(image_rank[rows])
        order = stable_order(*keys)
        ordered, places, matches = accumulator.in_order(rows, matches, order)
        areas = accumulator.areas[ordered]
        true_positive = accumulator.true_positive[matches]
        matched_inside = _unpack_areas(areas[places], protocol).T
        not_missed = true_positive | accumulator.ignored[matches]
        not_missed &= words_of_areas(matched_inside, protocol)
        inside = np.zeros((len(protocol.area_ranges), len(areas) + 1), np.int32)
        np.cumsum(_unpack_areas(areas, protocol), axis=1, out=inside[:, 1:])
        yield _Ranked(
            score=accumulator.score[ordered],
            inside=inside,
            matched=places,
            true_positive=true_positive,
            not_missed=not_missed,
        )


def _unpack_areas(
    bits: NDArray[np.unsignedinteger], protocol: CocoProtocol
) -> NDArray[np.bool_]:
    """[N] of `CocoAccumulator.areas` -> [A, N]."""
    bit = np.arange(len(protocol.area_ranges), dtype=bits.dtype)[:, None]
    return ((bits >> bit) & bits.dtype.type(1)).astype(bool)


def hits_needed(
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
    ranked: _Ranked, num_ground_truths: NDArray[np.int64], protocol: CocoProtocol
) -> tuple[Floats, Floats]:
    """Precision and score [B, R] of one class, B = A * T runs.

    Precision falls between two hits, so the curves are computed at the hits alone; the
    misses before them enter by their number.
    """
    hit = unpack_bits(ranked.true_positive, protocol)  # [B, n]
    not_missed = unpack_bits(ranked.not_missed, protocol)
    not_missed_before = np.cumsum(not_missed, axis=1, dtype=np.int32)
    # All hits in one list, run after run, and the how many-th of its run each is.
    flat = np.flatnonzero(hit)
    total = np.count_nonzero(hit, axis=1)
    run = np.repeat(np.arange(len(total)), total)
    row = ranked.matched[flat - run * hit.shape[1]]
    first = np.cumsum(total) - total
    nth = np.arange(1, len(run) + 1) - first[run]
    num_thresholds = len(protocol.iou_thresholds)
    misses = ranked.inside[run // num_thresholds, row + 1]
    misses -= not_missed_before.ravel()[flat]
    precision = np.zeros((len(total), total.max(initial=0)))
    precision[run, nth - 1] = nth / (nth + misses + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]

    needed = np.repeat(hits_needed(num_ground_truths, protocol), num_thresholds, 0)
    at_recall, scores = np.zeros((2, *needed.shape))
    reached = np.nonzero((needed <= total[:, None]) & (total > 0)[:, None])
    wanted = np.maximum(needed[reached], 1) - 1  # a recall of 0 takes the first hit
    at_recall[reached] = envelope[reached[0], wanted]
    scores[reached] = ranked.score[row[first[reached[0]] + wanted]]
    if len(ranked.score):  # pycocotools reads the score at recall 0 off the first
        scores[needed == 0] = ranked.score[0]
    return at_recall, scores


def _count_bits(
    words: Words,
    class_id: NDArray[np.uint16],
    num_classes: int,
    protocol: CocoProtocol,
) -> NDArray[np.int64]:
    """How many of the words [M, W] of each class have each bit set: [K, A * T].

    By the histogram of each byte of the words, which is cheaper than unpacking bits.
    """
    little_endian = np.ascontiguousarray(words, "<u8").view(np.uint8)
    values = np.arange(256, dtype=np.uint8)[:, None]
    bits_of_value = np.unpackbits(values, axis=1, bitorder="little").astype(np.int64)
    first_bin = class_id.astype(np.int64) * 256
    counts = np.empty((num_classes, little_endian.shape[1], 8), np.int64)
    for place, byte in enumerate(little_endian.T):
        histogram = np.bincount(first_bin + byte, minlength=num_classes * 256)
        counts[:, place] = histogram.reshape(num_classes, 256) @ bits_of_value
    return _used_bits(counts.reshape(num_classes, -1), protocol)


def unpack_bits(words: Words, protocol: CocoProtocol) -> NDArray[np.bool_]:
    """Words [M, W] -> [A * T, M], a row for each run."""
    little_endian = np.ascontiguousarray(words, "<u8").view(np.uint8)
    bits = np.unpackbits(little_endian, axis=1, bitorder="little")
    return np.ascontiguousarray(_used_bits(bits, protocol).T).view(bool)


def _used_bits(columns: NDArray[Any], protocol: CocoProtocol) -> NDArray[Any]:
    """A column for each bit of W words -> a column for each run, [N, A * T]."""
    by_word = columns.reshape(len(columns), protocol.num_words, WORD_BITS)
    used = protocol.areas_per_word * len(protocol.iou_thresholds)  # of each word
    runs = by_word[:, :, :used].reshape(len(columns), protocol.num_words * used)
    return runs[:, : protocol.num_runs]
