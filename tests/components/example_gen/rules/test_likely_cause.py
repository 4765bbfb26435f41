"""Dropped boxes of a 100 x 80 image name the mistake behind them."""

import pytest

from components.example_gen.rules.likely_cause import HINTS, hint, likely_causes


@pytest.mark.parametrize(
    ("corners", "cause"),
    [
        ((0.1, 0.2, 0.5, 0.9), "relative"),
        ((40, 50, 60, 40), "ymax_is_xmin"),
        ((60, 50, 30, 20), "xywh"),  # [60, 50, 90, 70]
        ((10, 70, 40, 95), "yxyx"),  # x 70 to 95, y 10 to 40
        ((90, 70, 60, 30), "turned"),  # as xywh it would end at x 150
        ((10, 20, 11, 60), "small"),
        ((10, 20, 30, 60), "small"),  # under a min_box_px of 30, and fit as xywh, too
    ],
)
def test_one_kind_of_mistake_is_named(corners, cause):
    causes = dict.fromkeys(likely_causes(corners, 100, 80), 1)
    assert hint(causes, 1).startswith(HINTS[cause])


def test_a_box_that_nothing_explains_has_no_hint():
    assert likely_causes((500, 500, 600, 600), 100, 80) == ()
    assert likely_causes((None, 5, 6, 7), 100, 80) == ()
    assert hint({"xywh": 4}, 10) == ""


@pytest.mark.parametrize("corner", [0, 1])
def test_a_point_that_stands_for_no_box_has_no_hint(corner):
    assert likely_causes((corner,) * 4, 100, 80) == ()


def test_numbers_that_fit_as_size_and_sorted_get_both_hints():
    said = hint({"xywh": 10, "turned": 10}, 10)
    assert "xmax = x + width" in said
    assert "swap_inverted" in said


@pytest.mark.parametrize(
    ("changes", "causes"),
    [
        ({}, {"xywh", "turned"}),
        ({"name": ""}, set()),
        ({"name": "yak"}, set()),
    ],
)
def test_only_a_drop_for_its_corners_says_what_they_mean(
    judge, data_set, voc_xml, voc_object, changes, causes
):
    objects = [voc_object(box=(60, 50, 30, 20), **changes), voc_object()]
    home = data_set({"a": voc_xml(objects=objects)})
    tally, *_ = judge(home)
    assert set(tally.causes) == causes
