"""Precision, recall and F1 by confidence threshold, and the best threshold."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.assignment import Assignment

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreCurve:
    """What keeping the detections of at least a score gives; one entry a score.

    Attributes:
        score: [S] the distinct scores of hits and misses, falling.
        precision: [S] hits among the hits and misses kept.
        recall: [S] ground truths found; 0 where there is none.
        f1: [S] harmonic mean of the two.
    """

    score: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    def best(self) -> int | None:
        """The entry with the highest F1, of equal ones the highest score."""
        return int(np.argmax(self.f1)) if len(self.f1) else None


def score_curve(assignment: Assignment, class_id: int | None = None) -> ScoreCurve:
    """The curve of one class, or of all detections together."""
    counted = assignment.hit | assignment.miss
    truth = assignment.counts
    if class_id is not None:
        counted &= assignment.detections.class_id == class_id
        truth = truth & (assignment.ground_truths.class_id == class_id)
    total = int(np.count_nonzero(truth))
    score = assignment.detections.score[counted].astype(np.float64)
    # A threshold keeps all detections of its score: read at the last of equal ones.
    last = np.flatnonzero(np.diff(score, append=-np.inf))
    found, kept = np.cumsum(assignment.hit[counted])[last], last + 1
    return ScoreCurve(
        score=score[last],
        precision=found / kept,
        recall=found / max(total, 1),
        f1=2 * found / (kept + total),
    )


def best_threshold(
    counted: NDArray[np.floating], hits: NDArray[np.floating], total: int
) -> float | None:
    """The score of the best F1, of equal ones the highest; None without any hit.

    counted [C] are the scores of hits and misses, ascending, hits [H] those of hits,
    total all there is to find. Only scores of hits are looked at: down to the next one
    a threshold would but keep more misses.
    """
    if not len(hits):
        return None
    rising = np.sort(hits)
    score = np.unique(rising)[::-1]
    found = len(hits) - np.searchsorted(rising, score)
    kept = len(counted) - np.searchsorted(counted, score)
    return float(score[np.argmax(2 * found / (kept + total))])
