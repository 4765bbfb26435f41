"""COCO's greedy matching, all area ranges and IoU thresholds at once.

pycocotools matches every image and class 40 times: once for each of 10 IoU thresholds
in each of 4 area ranges. The 40 runs look at the same pairs in the same order and
differ only in yes-or-no questions: does the IoU reach the threshold, is the ground
truth ignored in this area range, has it been taken. So each answer is one bit of a
64-bit word (bit = area * 10 + threshold), and one pass of bitwise operations makes all
40 matchings: `wanted & ~matched & ~taken` is what a pair wins, in every run at once.

In each run a detection takes the best ground truth still free: first among those that
count, by IoU, the later one at equal IoU; then among the ignored ones, likewise. Only
detections of one group (a class of an image) compete, the better score choosing first.
So step (r, k) lets the r-th detection of every group make its k-th choice, as arrays:
within a step no detection and no ground truth comes twice.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.box_columns import GroundTruths
from trainer.metrics.candidates import CandidatePairs
from trainer.metrics.protocol import CocoProtocol
from trainer.metrics.sorting import group_starts, position_in_group, stable_order

Words = NDArray[np.uint64]
NONE = np.uint64(0)
EVERY = ~NONE


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """The detections that were matched in at least one of the runs.

    Attributes:
        detection: [M] rows of the detections, ascending.
        true_positive: [M, W] bit set: matched a ground truth that counts.
        ignored: [M, W] bit set: matched an ignored one, so neither hit nor miss.
    """

    detection: NDArray[np.int64]
    true_positive: Words
    ignored: Words


@dataclasses.dataclass(frozen=True, eq=False)
class _Choices:
    """What each detection would take, in its order of preference; one row a choice."""

    detection: NDArray[np.int64]
    ground_truth: NDArray[np.int64]
    wanted: Words  # [N, W] the runs in which this is a choice
    counts: NDArray[np.bool_]  # the ground truth counts; false: it is ignored


def ignored_words(
    ground_truths: GroundTruths, ignored: NDArray[np.bool_], protocol: CocoProtocol
) -> Words:
    """[G, W]: the runs in which a ground truth is left out, by flag or by its area."""
    outside = ~protocol.areas_holding(ground_truths.area_px2) | ignored[:, None]
    return words_of_areas(outside, protocol)


def words_of_areas(areas: NDArray[np.bool_], protocol: CocoProtocol) -> Words:
    """Area ranges [N, A] -> [N, W]: all the runs of the given ranges."""
    words = np.zeros((len(areas), protocol.num_words), np.uint64)
    for area in range(len(protocol.area_ranges)):
        word, first_bit = protocol.bit(area, 0)
        runs = np.uint64(((1 << len(protocol.iou_thresholds)) - 1) << first_bit)
        words[:, word] |= np.where(areas[:, area], runs, NONE)
    return words


def match(
    pairs: CandidatePairs,
    detection_group: NDArray[np.int64],
    ignored: Words,
    crowd: NDArray[np.bool_],
    protocol: CocoProtocol,
) -> Matches:
    """Matches the candidate pairs of any number of images and classes.

    Args:
        pairs: the candidates; detection rows stand in (group, falling score) order.
        detection_group: [D] the class-of-an-image number of each detection.
        ignored: [G, W] of `ignored_words`.
        crowd: [G] may be taken more than once.
        protocol: which runs there are.
    """
    choices, won = _choices_and_wins(pairs, detection_group, ignored, crowd, protocol)
    return _by_detection(choices, won)


def matched_pairs(
    pairs: CandidatePairs,
    detection_group: NDArray[np.int64],
    ignored: Words,
    crowd: NDArray[np.bool_],
    protocol: CocoProtocol,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who was matched to whom, in a protocol of one run: detection and ground truth."""
    choices, won = _choices_and_wins(pairs, detection_group, ignored, crowd, protocol)
    if protocol.num_runs != 1:
        raise ValueError(f"a protocol of one run is needed, got {protocol.num_runs}")
    made = won[:, 0] != NONE
    return choices.detection[made], choices.ground_truth[made]


def _choices_and_wins(
    pairs: CandidatePairs,
    detection_group: NDArray[np.int64],
    ignored: Words,
    crowd: NDArray[np.bool_],
    protocol: CocoProtocol,
) -> tuple[_Choices, Words]:
    """The choices that the detections have, and the runs [N, W] each one wins."""
    choices = _choices(pairs, ignored, protocol)
    starts = group_starts(choices.detection)
    rows = choices.detection[starts]
    turn = position_in_group(group_starts(detection_group[rows]), len(rows))
    row_of_choice = np.repeat(
        np.arange(len(rows)), np.diff(starts, append=len(choices.detection))
    )
    nth_choice = position_in_group(starts, len(choices.detection))
    steps = stable_order(
        turn[row_of_choice].astype(np.uint32), nth_choice.astype(np.uint32)
    )
    bounds = _step_bounds(turn[row_of_choice][steps], nth_choice[steps])
    exclusive = np.where(crowd[choices.ground_truth], NONE, EVERY)
    won = np.empty_like(choices.wanted)
    for word in range(protocol.num_words):
        won[steps, word] = _greedy(
            bounds,
            row_of_choice[steps],
            choices.ground_truth[steps],
            choices.wanted[steps, word],
            exclusive[steps],
        )
    return choices, won


def _choices(pairs: CandidatePairs, ignored: Words, protocol: CocoProtocol) -> _Choices:
    reached = _words_by_level(protocol)[pairs.level(protocol.iou_thresholds)]
    left_out = ignored[pairs.ground_truth]
    counting = np.flatnonzero((reached & ~left_out).any(axis=1))
    ignoring = np.flatnonzero((reached & left_out).any(axis=1))
    pair = np.concatenate([counting, ignoring])
    counts = np.arange(len(pair)) < len(counting)
    wanted = reached[pair] & np.where(counts[:, None], ~left_out[pair], left_out[pair])
    # Two ascending runs, which a stable sort merges in linear time.
    order = np.argsort(2 * pairs.detection[pair] + ~counts, kind="stable")
    pair = pair[order]
    return _Choices(
        pairs.detection[pair], pairs.ground_truth[pair], wanted[order], counts[order]
    )


def _words_by_level(protocol: CocoProtocol) -> Words:
    """[T + 1, W]: the runs open to a pair that reaches so many thresholds."""
    num_thresholds = len(protocol.iou_thresholds)
    table = np.zeros((num_thresholds + 1, protocol.num_words), np.uint64)
    for area in range(len(protocol.area_ranges)):
        for threshold in range(num_thresholds):
            word, bit = protocol.bit(area, threshold)
            table[threshold + 1 :, word] |= np.uint64(1 << bit)
    return table


def _step_bounds(
    turn: NDArray[np.int64], nth_choice: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Where each step (turn, nth choice) begins and ends, in order."""
    new = np.ones(len(turn), bool)
    new[1:] = (turn[1:] != turn[:-1]) | (nth_choice[1:] != nth_choice[:-1])
    starts = np.flatnonzero(new).tolist()
    return list(zip(starts, [*starts[1:], len(turn)], strict=True)) if starts else []


def _greedy(
    bounds: list[tuple[int, int]],
    row: NDArray[np.int64],
    ground_truth: NDArray[np.int64],
    wanted: Words,
    exclusive: Words,
) -> Words:
    """One word of all choices [N], sorted by step -> the bits each choice wins."""
    matched = np.zeros(row.max(initial=-1) + 1, np.uint64)
    taken = np.zeros(ground_truth.max(initial=-1) + 1, np.uint64)
    won = wanted.copy()
    for start, end in bounds:
        d, g = row[start:end], ground_truth[start:end]
        bits = won[start:end]
        matched_d, taken_g = matched[d], taken[g]
        bits &= ~(matched_d | taken_g)
        matched[d] = matched_d | bits
        taken[g] = taken_g | (bits & exclusive[start:end])
    return won


def _by_detection(choices: _Choices, won: Words) -> Matches:
    starts = group_starts(choices.detection)
    rows = choices.detection[starts]
    if not len(rows):
        return Matches(rows, won, won)
    hits = np.where(choices.counts[:, None], won, NONE)
    skips = np.where(choices.counts[:, None], NONE, won)
    true_positive = np.bitwise_or.reduceat(hits, starts, axis=0)
    ignored = np.bitwise_or.reduceat(skips, starts, axis=0)
    matched = (true_positive | ignored).any(axis=1)
    return Matches(rows[matched], true_positive[matched], ignored[matched])
