"""Confusion matrix of a detector, consistent with its precision-recall curve.

Hits, misses and ground truths not found are those of COCO's matching within classes,
so the diagonal and the sums of rows and columns are the numbers behind one point of
each class's curve. Only then are leftovers of different classes compared: a miss that
overlaps a ground truth nobody found is a confusion, not a miss on background.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.assignment import Assignment
from trainer.metrics.candidates import find_candidates


def confusion_matrix(
    assignment: Assignment, min_score: float = 0.0
) -> NDArray[np.int64]:
    """Counts [K + 1, K + 1]; row: class of the ground truth, column: of the detection.

    The last row holds detections on background, the last column ground truths that
    were not found. Detections below `min_score` are left out.
    """
    background = assignment.num_classes
    truth, found = assignment.ground_truths, assignment.detections
    kept = found.score >= min_score
    hit = np.flatnonzero(assignment.hit & kept)
    miss = np.flatnonzero(assignment.miss & kept)
    lost = assignment.counts.copy()
    lost[assignment.ground_truth[hit]] = False
    open_truth = np.flatnonzero(lost)
    actual = np.full(len(miss), background)
    for detection, ground_truth in _confusions(assignment, miss, open_truth):
        actual[detection] = truth.class_id[open_truth[ground_truth]]
        lost[open_truth[ground_truth]] = False
    matrix = np.zeros((background + 1, background + 1), np.int64)
    np.add.at(matrix, (found.class_id[hit], found.class_id[hit]), 1)
    np.add.at(matrix, (actual, found.class_id[miss]), 1)
    matrix[:-1, -1] = np.bincount(truth.class_id[lost], minlength=background)
    return matrix


def _confusions(
    assignment: Assignment,
    miss: NDArray[np.int64],
    open_truth: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """Misses and open ground truths paired, each once; the best score chooses first."""
    truth = assignment.ground_truths.take(open_truth)
    found = assignment.detections.take(miss)
    by_image = np.argsort(found.image, kind="stable")  # by score within an image
    pairs = find_candidates(
        found.image[by_image],
        found.boxes_xywh[by_image],
        truth.image,
        truth.boxes_xywh,
        np.zeros(len(truth), bool),
        assignment.min_iou,
    )
    made: list[tuple[int, int]] = []
    taken: set[int] = set()
    done: set[int] = set()
    rows = zip(pairs.detection.tolist(), pairs.ground_truth.tolist(), strict=True)
    for detection, ground_truth in rows:
        if detection not in done and ground_truth not in taken:
            done.add(detection)
            taken.add(ground_truth)
            made.append((int(by_image[detection]), ground_truth))
    return made
