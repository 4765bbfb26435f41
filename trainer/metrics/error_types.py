"""TIDE: what kinds of errors cost how much AP (Bolya et al., ECCV 2020).

Every miss is of one kind, the first that fits:

- localisation: right class, IoU between 0.1 and 0.5;
- classification: IoU of at least 0.5 with a ground truth of another class;
- duplicate: IoU of at least 0.5 with one that a better detection has found;
- background: no IoU above 0.1;
- both: anything else.

Missed are the ground truths not found that no localisation or classification error
points at. The cost of a kind, dAP, is how much AP at IoU 0.5 rises if an oracle mends
its errors alone: a localisation or classification error becomes a hit if it is the best
detection that points at a ground truth not found, and goes otherwise; the other misses
go; missed ground truths go.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.assignment import NOBODY, Assignment
from trainer.metrics.candidates import CandidatePairs, find_candidates

BACKGROUND_IOU = 0.1

KINDS = (
    "classification",
    "localisation",
    "both",
    "duplicate",
    "background",
    "missed",
)


@dataclasses.dataclass(frozen=True, eq=False)
class ErrorReport:
    """Errors by kind, in the order of KINDS.

    Attributes:
        average_precision: AP at the assignment's IoU, mean over classes.
        counts: kind -> errors.
        delta_ap: kind -> AP gained if these errors alone were mended.
    """

    average_precision: float
    counts: dict[str, int]
    delta_ap: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Errors:
    """The errors one by one.

    Attributes:
        kind: [D] index into KINDS; NOBODY for no error.
        points_at: [D] the ground truth that a localisation or classification error is
            about, found or not; NOBODY for others.
        becomes: [D] class of the hit that an oracle makes of it, or NOBODY.
        missed: [G] ground truths that nothing found or points at.
    """

    kind: NDArray[np.int64]
    points_at: NDArray[np.int64]
    becomes: NDArray[np.int64]
    missed: NDArray[np.bool_]


def analyse_errors(assignment: Assignment) -> ErrorReport:
    """Classifies the errors of an assignment and prices each kind."""
    errors = classify_errors(assignment)
    hit, miss = assignment.hit, assignment.miss
    class_id = assignment.detections.class_id
    totals = _totals(assignment, assignment.counts)
    base = _mean_ap(class_id, hit, miss, totals)
    counts, delta = {}, {}
    for number, kind in enumerate(KINDS[:-1]):
        of_kind = errors.kind == number
        mended = of_kind & (errors.becomes != NOBODY)
        fixed = _mean_ap(
            np.where(mended, errors.becomes, class_id),
            hit | mended,
            miss & ~of_kind,
            totals,
        )
        counts[kind] = int(np.count_nonzero(of_kind))
        delta[kind] = max(fixed - base, 0.0)
    counts["missed"] = int(np.count_nonzero(errors.missed))
    fewer = _totals(assignment, assignment.counts & ~errors.missed)
    # A class whose ground truths were all missed has nothing left to find: AP 0 still.
    fixed = _mean_ap(class_id, hit, miss, fewer, np.count_nonzero(totals))
    delta["missed"] = max(fixed - base, 0.0)
    return ErrorReport(base, counts, delta)


def classify_errors(assignment: Assignment) -> Errors:
    """The kind of every miss, and the ground truths that were missed."""
    truth, found = assignment.ground_truths, assignment.detections
    open_truth = assignment.counts.copy()
    open_truth[assignment.ground_truth[assignment.hit]] = False
    pairs = _overlaps(assignment)
    same = found.class_id[pairs.detection] == truth.class_id[pairs.ground_truth]
    taken = same & ~open_truth[pairs.ground_truth]
    best_any, _ = _best(pairs, np.ones(len(same), bool), len(found))
    best_same, same_row = _best(pairs, same, len(found))
    best_other, other_row = _best(pairs, ~same, len(found))
    best_taken, _ = _best(pairs, taken, len(found))
    high = assignment.min_iou
    tests = {
        "localisation": (best_same >= BACKGROUND_IOU) & (best_same <= high),
        "classification": best_other >= high,
        "duplicate": best_taken >= high,
        "background": best_any <= BACKGROUND_IOU,
        "both": np.ones(len(found), bool),
    }
    kind = np.select(list(tests.values()), [KINDS.index(name) for name in tests])
    kind = np.where(assignment.miss, kind, NOBODY)
    points_at = np.select(
        [kind == KINDS.index("localisation"), kind == KINDS.index("classification")],
        [same_row, other_row],
        NOBODY,
    )
    pointing = np.flatnonzero(points_at != NOBODY)
    pointing = pointing[open_truth[points_at[pointing]]]
    # Detections stand by falling score, so the first that points is the best.
    rows, first = np.unique(points_at[pointing], return_index=True)
    becomes = np.full(len(found), NOBODY)
    becomes[pointing[first]] = truth.class_id[rows]
    missed = open_truth.copy()
    missed[rows] = False
    return Errors(kind, points_at, becomes, missed)


def _overlaps(assignment: Assignment) -> CandidatePairs:
    """Detections and ground truths of one image, whatever their classes."""
    truth, found = assignment.ground_truths, assignment.detections
    by_image = np.argsort(found.image, kind="stable")
    counting = np.flatnonzero(assignment.counts)
    pairs = find_candidates(
        found.image[by_image],
        found.boxes_xywh[by_image],
        truth.image[counting],
        truth.boxes_xywh[counting],
        np.zeros(len(counting), bool),
        BACKGROUND_IOU,
    )
    return CandidatePairs(
        by_image[pairs.detection], counting[pairs.ground_truth], pairs.iou
    )


def _best(
    pairs: CandidatePairs, wanted: NDArray[np.bool_], num_detections: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Highest IoU of each detection among the wanted pairs, and the ground truth."""
    iou = np.zeros(num_detections)
    ground_truth = np.full(num_detections, NOBODY)
    # Pairs of a detection stand by falling IoU: written in reverse, the best one stays.
    detection = pairs.detection[wanted][::-1]
    iou[detection] = pairs.iou[wanted][::-1]
    ground_truth[detection] = pairs.ground_truth[wanted][::-1]
    return iou, ground_truth


def _totals(assignment: Assignment, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    class_id = assignment.ground_truths.class_id[counted]
    return np.bincount(class_id, minlength=assignment.num_classes)


def _mean_ap(
    class_id: NDArray[np.int64],
    hit: NDArray[np.bool_],
    miss: NDArray[np.bool_],
    totals: NDArray[np.int64],
    num_classes: int | None = None,
) -> float:
    """Mean AP of detections that stand by falling score; 0 without ground truths."""
    values = [
        _average_precision(hit[class_id == k], miss[class_id == k], totals[k])
        for k in np.flatnonzero(totals)
    ]
    return float(np.sum(values) / max(num_classes or len(values), 1))


def _average_precision(
    hit: NDArray[np.bool_], miss: NDArray[np.bool_], total: int
) -> float:
    """COCO's: mean of the best precision at 101 recalls or beyond."""
    hits = np.cumsum(hit)
    precision = hits / np.maximum(hits + np.cumsum(miss), 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(
        envelope[np.searchsorted(hits / total, np.linspace(0.0, 1.0, 101))].mean()
    )
