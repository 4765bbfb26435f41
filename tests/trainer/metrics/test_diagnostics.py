"""Score curves, confusion matrix and error types: by hand, and consistent."""

import numpy as np
import pytest

from trainer.metrics.accumulator import evaluate_images
from trainer.metrics.assignment import NOBODY, assign
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.confusion import confusion_matrix
from trainer.metrics.error_types import KINDS, analyse_errors
from trainer.metrics.score_curves import score_curve
from trainer.metrics.summary import summarise
from trainer.metrics.tensors import recall_tensor

CAT, DOG = 0, 1


@pytest.fixture
def scene():
    """One image, four cats and a dog; a detection of every kind.

    Ground truths are 10x10 at x = 0, 100, 200 (cats), 300 (dog), 400 (cat).
    """
    truth = GroundTruths(
        [0] * 5,
        [CAT, CAT, CAT, DOG, CAT],
        [[x, 0, 10, 10] for x in (0, 100, 200, 300, 400)],
    )
    rows = [
        (CAT, 0, 0.9),  # hit
        (CAT, 1, 0.8),  # IoU 9/11 with the cat that is taken: duplicate
        (CAT, 105, 0.7),  # IoU 5/15 with a cat not found: localisation
        (CAT, 300, 0.6),  # on the dog: classification
        (CAT, 305, 0.5),  # IoU 1/3 with the dog: both
        (CAT, 900, 0.4),  # on nothing: background
        (CAT, 200, 0.3),  # hit
    ]
    found = Detections(
        [0] * len(rows),
        [row[0] for row in rows],
        [[row[1], 0, 10, 10] for row in rows],
        [row[2] for row in rows],
    )
    return assign(truth, found, num_classes=2)


def test_assignment_says_who_was_matched_to_whom(scene):
    assert scene.ground_truth.tolist() == [0, *[NOBODY] * 5, 2]
    assert scene.hit.tolist() == [True, *[False] * 5, True]


def test_each_detection_is_one_kind_of_error(scene):
    report = analyse_errors(scene)
    # The cat at 400 is missed; that at 100 has its localisation error, the dog its
    # classification error.
    assert report.counts == dict.fromkeys(KINDS, 1)


def test_the_price_of_an_error_by_hand(scene):
    """Cats: hit, 5 misses, hit of 4: recall 1/4 at precision 1, 2/4 at 2/7; dogs: 0.

    101 recalls: 0..0.25 are 26, 0.26..0.50 are 25. Without one of the misses the
    second hit has precision 2/6. Localisation mended: hit, miss, hit, 3 misses, hit:
    1 up to 1/4, 2/3 up to 2/4, 3/7 up to 3/4. Classification mended: a miss less, and
    the dog is found. Missed: 3 cats to find: 1 up to 1/3 (34), 2/7 up to 2/3 (33).
    """
    report = analyse_errors(scene)
    base = (26 + 25 * 2 / 7) / 101
    fewer = (26 + 25 * 2 / 6) / 101
    assert report.average_precision == pytest.approx(base / 2)
    expected = {
        "classification": (fewer + 1 - base) / 2,
        "localisation": ((26 + 25 * 2 / 3 + 25 * 3 / 7) / 101 - base) / 2,
        "both": (fewer - base) / 2,
        "duplicate": (fewer - base) / 2,
        "background": (fewer - base) / 2,
        "missed": ((34 + 33 * 2 / 7) / 101 - base) / 2,
    }
    assert report.delta_ap == pytest.approx(expected)


def test_confusion_matrix_by_hand(scene):
    """Rows cat, dog, background; columns likewise.

    Two cats are found, two not; the dog is taken for a cat; duplicate, localisation,
    both and background errors are detections on background.
    """
    expected = [[2, 0, 2], [1, 0, 0], [4, 0, 0]]
    assert confusion_matrix(scene).tolist() == expected
    # From a score of 0.65 on: one cat found, duplicate and localisation error.
    expected = [[1, 0, 3], [0, 0, 1], [2, 0, 0]]
    assert confusion_matrix(scene, 0.65).tolist() == expected


def test_curve_and_best_threshold_by_hand():
    """Hit .9, miss .8, hit .7 and miss .7 of two: equal scores stand or fall together.

    F1 = 2 hits / (kept + to find): 2/3, 2/4, 4/6: the best is the first of equal ones.
    """
    boxes = [[0, 0, 10, 10], [50, 0, 10, 10], [100, 0, 10, 10], [900, 0, 10, 10]]
    truth = GroundTruths([0, 0], [0, 0], [boxes[0], boxes[2]])
    found = Detections([0] * 4, [0] * 4, boxes, [0.9, 0.8, 0.7, 0.7])
    curve = score_curve(assign(truth, found, num_classes=1), 0)
    assert curve.score.tolist() == [0.9, 0.8, 0.7]
    assert curve.precision == pytest.approx([1, 1 / 2, 2 / 4])
    assert curve.recall == pytest.approx([1 / 2, 1 / 2, 1])
    assert curve.f1 == pytest.approx([2 / 3, 2 / 4, 2 / 3])
    assert curve.best() == 0


def test_nothing_found_or_to_find_gives_empty_diagnostics():
    nothing = np.zeros(0)
    truth = GroundTruths(nothing, nothing, np.zeros((0, 4)))
    found = Detections(nothing, nothing, np.zeros((0, 4)), nothing)
    assignment = assign(truth, found, num_classes=2)
    assert confusion_matrix(assignment).tolist() == [[0] * 3] * 3
    assert score_curve(assignment).best() is None
    report = analyse_errors(assignment)
    assert report.average_precision == 0
    assert set(report.counts.values()) == set(report.delta_ap.values()) == {0}


@pytest.mark.parametrize("seed", range(40))
def test_matrix_curve_and_average_precision_agree(make_case, seed):
    case = make_case(seed)
    order = np.argsort(np.argsort(case.image_ids))  # images by sorted id
    truth, found = (
        type(columns)(**{**vars(columns), "image": order[columns.image]})
        for columns in (case.ground_truths, case.detections)
    )
    num_classes = case.num_classes
    assignment = assign(truth, found, num_classes=num_classes)
    matrix = confusion_matrix(assignment)
    accumulator = evaluate_images(
        truth, found, image_ids=range(len(case.image_ids)), num_classes=num_classes
    )
    recall = recall_tensor(accumulator)[0, :, 0, -1]
    totals = accumulator.num_ground_truths[:, 0]
    for number in range(num_classes):
        curve = score_curve(assignment, number)
        assert matrix[number].sum() == totals[number]
        if totals[number]:
            assert matrix[number, number] / totals[number] == recall[number]
        if len(curve.score):
            kept = matrix[:, number].sum()
            assert matrix[number, number] / kept == curve.precision[-1]
            middle = curve.score[len(curve.score) // 2]
            cut = confusion_matrix(assignment, middle)
            entry = len(curve.score) // 2
            kept = cut[:, number].sum()
            assert cut[number, number] / kept == curve.precision[entry]
    metrics = summarise(accumulator, [str(k) for k in range(num_classes)]).metrics
    report = analyse_errors(assignment)
    assert report.average_precision == pytest.approx(max(metrics["AP50"], 0), abs=1e-9)
    misses = np.count_nonzero(assignment.miss)
    assert sum(report.counts.values()) - report.counts["missed"] == misses
