import numpy as np
import pytest

from components.serving_check.agreement import disagreement
from components.serving_check.asked_images import Answer


def answer(*detections, cut_at=0.05):
    """Detections as (name, score, box)."""
    return Answer(
        boxes=np.array([box for _, _, box in detections], np.float32).reshape(-1, 4),
        scores=np.array([score for _, score, _ in detections], np.float32),
        names=[name for name, _, _ in detections],
        cut_at=cut_at,
    )


DOG = ("dog", 0.9, [10, 10, 50, 50])
CAT = ("cat", 0.6, [20, 30, 90, 80])
OWN = answer(DOG, CAT)


def test_an_answer_agrees_with_itself_in_any_order():
    assert disagreement(OWN, OWN) == ""
    assert disagreement(OWN, answer(CAT, DOG)) == ""
    assert disagreement(answer(), answer()) == ""


def test_rounding_is_no_difference():
    moved = answer(("dog", 0.9005, [10.01, 10, 50, 49.99]), CAT)

    assert disagreement(OWN, moved) == ""


@pytest.mark.parametrize(
    "other",
    [
        ("dog", 0.9, [70, 10, 110, 50]),  # 60 px off
        ("dog", 0.9, [10, 10, 50, 51]),  # one side, one pixel
        ("cat", 0.9, [10, 10, 50, 50]),  # another class
        ("dog", 0.7, [10, 10, 50, 50]),  # another score
    ],
)
def test_another_box_class_or_score_is_told_with_numbers(other):
    assert disagreement(OWN, answer(other, CAT)) == (
        "1 of its own 2 detections are not served, 1 others are; first: dog 0.900 at "
        "[10, 10, 50, 50] is not served"
    )


def test_one_too_few_and_one_too_many_are_told():
    assert "1 of its own 2 detections are not served" in disagreement(OWN, answer(CAT))
    assert "1 of its own 2 detections are not served" in disagreement(OWN, answer(DOG))
    more = answer(DOG, DOG, CAT)
    assert "0 of its own 2 detections are not served, 1 others" in disagreement(
        OWN, more
    )
    assert "2 of its own 2 detections are not served" in disagreement(OWN, answer())
    assert "1 others are" in disagreement(answer(), answer(DOG))


def test_a_detection_at_the_score_that_is_cut_at_may_be_on_one_side_alone():
    weak = ("cat", 0.051, [1, 1, 9, 9])

    assert disagreement(answer(DOG, CAT, weak), OWN) == ""
    assert disagreement(OWN, answer(DOG, CAT, weak)) == ""
    weak = ("cat", 0.053, [1, 1, 9, 9])
    assert "1 of its own 3" in disagreement(answer(DOG, CAT, weak), OWN)
