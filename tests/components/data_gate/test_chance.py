import numpy as np
import pytest

from components.data_gate.chance import (
    independent_objects,
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


def test_objects_of_one_image_are_half_alike():
    # 1 and 3 in turn: an object stands among (1 * 1 + 3 * 3) / 4 = 2.5 of its image
    assert independent_objects(40, 2, 1) == pytest.approx(80 / (1 + (2.5 - 1) / 2))
    assert independent_objects(40, 1, 0) == 40  # one each: nothing is alike
    assert independent_objects(40, 0, 0) == 0


def span(chance, images, *, darker=1.0, fewer=False, smaller=1.0, shares=None):
    """Images with one to six objects, of which most are of one class and size."""
    shares = (0.3, 0.25, 0.2, 0.15, 0.1) if shares is None else shares
    counts = chance.integers(1, 7, images) // (2 if fewer else 1)
    owner = np.repeat(np.arange(images), counts)
    # 7 of 10 are what their image is of: a pair of them with a probability of .7^2
    own = chance.random(len(owner)) < 0.7
    alone = len(owner)
    classes = np.where(
        own,
        chance.choice(list("abcde"), images, p=shares)[owner],
        chance.choice(list("abcde"), alone, p=shares),
    )
    sizes = np.where(own, chance.random(images)[owner], chance.random(alone)) * smaller
    return SpanProfile(
        class_counts={
            name: float((classes == name).sum()) for name in sorted(set(classes))
        },
        box_size=[(v, v, 1.0) for v in sizes],
        brightness=[(v, v, 1.0) for v in chance.random(images) * darker],
        objects_per_image=[(float(n), float(n), 1.0) for n in counts],
        images=images,
        independent_objects=independent_objects(images, counts.mean(), counts.std()),
    )


def refused(now, before):
    return {item.name for item in compare(now, before, DriftConfig()) if item.over}


@pytest.mark.parametrize(("images", "lost"), [(200, True), (60, False)])
def test_a_span_that_lost_all_objects_is_no_chance_where_some_are_due(images, lost):
    # one object in ten images: none in 60 has a probability of e^-6 = .0025, in 200 of
    # e^-20; most images have none, so that the numbers of objects say little
    def sparse(images, objects):
        counts = [(0.0, 0.0, images - objects), (1.0, 1.0, objects)]
        return SpanProfile(
            class_counts={"a": objects} if objects else {},
            box_size=[(0.5, 0.5, objects)] if objects else [],
            brightness=[(0.5, 0.5, images)],
            objects_per_image=counts,
            images=images,
            independent_objects=objects,
        )

    some, none = sparse(100, 10), sparse(images, 0)
    expected = {"class mix", "box size"} if lost else set()
    assert refused(none, some) == refused(some, none) == expected


def test_random_draws_of_one_source_are_not_refused():
    chance = np.random.default_rng(3)
    for images in (10, 40, 100):
        for _ in range(6):
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
