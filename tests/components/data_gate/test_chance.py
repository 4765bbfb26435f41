import numpy as np
import pytest

from components.data_gate.chance import (
    equal_images,
    kolmogorov_smirnov_by_chance,
    total_variation_by_chance,
)
from components.data_gate.config import DriftConfig
from components.data_gate.drift import SpanProfile, compare


def test_kolmogorov_smirnov_by_chance_is_smirnovs_table():
    # 1.949 sqrt((n + m) / (n m)) at .001, 1.358 at .05: any table of the test
    assert kolmogorov_smirnov_by_chance(40, 40, 0.001) == pytest.approx(
        1.949 * (80 / 1600) ** 0.5, abs=5e-4
    )
    assert kolmogorov_smirnov_by_chance(200, 50, 0.05) == pytest.approx(
        1.358 * (250 / 10000) ** 0.5, abs=5e-4
    )


def test_two_images_may_differ_wholly_by_chance():
    assert kolmogorov_smirnov_by_chance(1, 1, 0.001) == 1
    assert kolmogorov_smirnov_by_chance(0, 100, 0.001) == 1
    assert total_variation_by_chance({"a": 1}, 0, 5, 0.001) == 1


@pytest.mark.parametrize(("rate", "distance"), [(0.1, 1), (0.2, 0.5), (0.7, 0)])
def test_total_variation_by_chance_by_hand(rate, distance):
    # two draws of two, two classes alike: |difference| of two binomials (2, 1/2) is
    # 2, 1, 0 of 2 with probabilities 2/16, 8/16, 6/16
    assert total_variation_by_chance({"a": 7, "b": 7}, 2, 2, rate) == distance


def test_one_class_has_no_other_mix():
    assert total_variation_by_chance({"a": 9}, 40, 40, 0.001) == 0


def test_images_with_unequal_objects_count_for_fewer():
    # 40 images with 1 and 3 objects in turn: mean 2, deviation 1; 80^2 / (20 * 10)
    assert equal_images(40, 2, 1) == pytest.approx(32)
    assert equal_images(40, 2, 0) == 40
    assert equal_images(40, 0, 0) == 0


def span(chance, images, *, darker=1.0, fewer=False, smaller=1.0, shares=None):
    """Images with one to six objects that are alike in class and size."""
    shares = (0.3, 0.25, 0.2, 0.15, 0.1) if shares is None else shares
    counts = chance.integers(1, 7, images) // (2 if fewer else 1)
    classes = chance.choice(list("abcde"), images, p=shares)
    sizes = chance.random(images) * smaller
    return SpanProfile(
        class_counts={
            name: float(counts[classes == name].sum()) for name in sorted(set(classes))
        },
        box_size=[(v, v, float(n)) for v, n in zip(sizes, counts, strict=True)],
        brightness=[(v, v, 1.0) for v in chance.random(images) * darker],
        objects_per_image=[(float(n), float(n), 1.0) for n in counts],
        images=images,
        images_for_objects=equal_images(images, counts.mean(), counts.std()),
    )


def refused(now, before):
    return {item.name for item in compare(now, before, DriftConfig()) if item.over}


def test_random_draws_of_one_source_are_not_refused():
    chance = np.random.default_rng(3)
    for images in (10, 40, 100):
        for _ in range(15):
            assert not refused(span(chance, images), span(chance, images))


@pytest.mark.parametrize("images", [40, 200, 1000])
def test_a_real_drift_is_refused_at_any_size(images):
    chance = np.random.default_rng(4)
    now = span(
        chance, images, darker=0.3, fewer=True, smaller=0.3, shares=(0,) * 4 + (1,)
    )
    assert refused(now, span(chance, images)) == {
        "class mix",
        "box size",
        "brightness",
        "objects per image",
    }


def test_where_images_are_many_the_limits_are_as_they_are_set():
    chance = np.random.default_rng(5)
    results = compare(span(chance, 5000), span(chance, 5000), DriftConfig())
    assert [item.as_text().partition(", ")[2] for item in results] == [
        *("within 0.15", "within 0.2", "within 0.25", "within 0.25")
    ]
