import pytest

from components.example_gen.output.object_budget import object_problem


def test_exactly_at_the_budget_is_within():
    assert object_problem({"box_outside": 5}, 95, {}, 0.05) == ""
    assert object_problem({"box_outside": 6}, 94, {}, 0.05) == (
        "6 of 100 objects dropped, more than 5%"
    )


def test_repeated_and_deleted_objects_are_no_loss():
    reasons = {"box_duplicate": 50, "object_deleted": 50}
    assert object_problem(reasons, 1, {}, 0.0) == ""


def test_objects_with_boxes_that_are_not_read_are_a_loss():
    assert object_problem({"box_repeated": 3, "box_outside": 2}, 98, {}, 0.05) == ""
    assert object_problem({"box_repeated": 6}, 100, {}, 0.05) == (
        "0 of 100 objects dropped, 6 with boxes that are not read, more than 5% "
        "(of several <bndbox> in an <object> one is read: write an <object> for each)"
    )


@pytest.mark.parametrize(
    ("reasons", "causes", "said"),
    [
        ({"box_inverted": 10}, {"xywh": 9}, "xmax = x + width"),
        ({"box_outside": 10}, {"yxyx": 10}, "x and y look swapped"),
        ({"unknown_class": 10}, {}, "the label map lacks most"),
        ({"class_missing": 10}, {}, "write it into the <name>"),
        ({"class_missing": 6, "box_inverted": 5}, {"xywh": 5}, "into the <name>"),
        ({"box_too_small": 10}, {"small": 10}, "smaller than min_box_px"),
        ({"box_missing": 6, "box_inverted": 5}, {"xywh": 5}, "objects lack a box"),
        ({"box_missing": 5, "box_inverted": 6}, {"xywh": 5}, "xmax = x + width"),
        ({"box_repeated": 2, "box_outside": 1}, {}, "write an <object> for each"),
    ],
)
def test_the_likely_cause_is_named(reasons, causes, said):
    assert said in object_problem(reasons, 10, causes, 0.05)
