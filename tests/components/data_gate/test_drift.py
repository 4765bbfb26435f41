import pytest

from components.data_gate.config import DriftConfig
from components.data_gate.drift import (
    DriftResult,
    SpanProfile,
    compare,
    kolmogorov_smirnov,
    total_variation,
)

UNIFORM = [(0.0, 1.0, 100.0)]


def test_total_variation_by_hand():
    # shares .75/.25 and .25/.75: half of (.5 + .5)
    assert total_variation({"a": 3, "b": 1}, {"a": 10, "b": 30}) == pytest.approx(0.5)
    assert total_variation({"a": 1}, {"a": 1000}) == 0
    assert total_variation({"a": 1}, {"b": 1}) == 1


def test_a_class_that_is_new_counts_by_its_share():
    assert total_variation({"a": 9, "new": 1}, {"a": 5}) == pytest.approx(0.1)


def test_nothing_against_something_is_as_far_as_it_gets():
    assert total_variation({}, {"a": 1}) == 1
    assert total_variation({}, {}) == 0
    assert kolmogorov_smirnov([], UNIFORM) == 1
    assert kolmogorov_smirnov([], []) == 0


def test_kolmogorov_smirnov_by_hand():
    # even on [0, 1] against even on [.5, 1.5]: at .5 it is .5 against 0
    assert kolmogorov_smirnov(UNIFORM, [(0.5, 1.5, 7.0)]) == pytest.approx(0.5)
    halves = [(0.0, 0.5, 2.0), (0.5, 1.0, 2.0)]
    assert kolmogorov_smirnov(UNIFORM, halves) == pytest.approx(0)
    assert kolmogorov_smirnov(UNIFORM, [(5.0, 6.0, 1.0)]) == 1


def test_a_bucket_of_one_value_is_a_step():
    # all mass at 3 against half at 3 and half at 7
    now, before = [(3.0, 3.0, 4.0)], [(3.0, 3.0, 2.0), (7.0, 7.0, 2.0)]
    assert kolmogorov_smirnov(now, before) == pytest.approx(0.5)
    assert kolmogorov_smirnov(before, now) == pytest.approx(0.5)


def test_compare_names_every_measure_beside_its_limit():
    profile = SpanProfile(
        class_counts={"a": 1},
        box_size=UNIFORM,
        brightness=UNIFORM,
        objects_per_image=UNIFORM,
        images=1000,
        independent_objects=1000,
    )
    other = SpanProfile(
        class_counts={"a": 1, "b": 1},
        box_size=UNIFORM,
        brightness=[(0.5, 1.5, 1.0)],
        objects_per_image=UNIFORM,
        images=1000,
        independent_objects=1000,
    )
    results = {item.name: item for item in compare(other, profile, DriftConfig())}
    assert {name for name, item in results.items() if item.over} == {
        "class mix",
        "brightness",
    }
    assert results["class mix"].as_text() == "class mix: 0.500, over 0.15"
    assert not any(item.over for item in compare(profile, profile, DriftConfig()))


def test_exactly_at_the_limit_is_within():
    assert not DriftResult("x", 0.2, 0.2).over
    assert DriftResult("x", 0.2000001, 0.2).over


def test_what_chance_may_do_is_within_and_told():
    within = DriftResult("class mix", 0.3, 0.15, by_chance=0.36)
    assert not within.over
    assert within.as_text() == (
        "class mix: 0.300, within 0.360 (by chance; limit 0.15)"
    )
    over = DriftResult("class mix", 0.4, 0.15, by_chance=0.36)
    assert over.over
    assert DriftResult("class mix", 0.1, 0.15, by_chance=0.01).as_text() == (
        "class mix: 0.100, within 0.15"
    )
