import math

import numpy as np
import pytest

from pipeline.sample_data.shapes import CLASS_NAMES, SHAPES, draw_shape

BY_NAME = {shape.name: shape for shape in SHAPES}


def test_the_classes_are_listed_alphabetically_as_ingest_will_number_them():
    assert list(CLASS_NAMES) == sorted(CLASS_NAMES)


def test_an_unturned_ball_is_as_wide_and_high_as_asked():
    mask, pixels = draw_shape(BY_NAME["ball"], (10.0, 10.0), 0.0, (0.0, 1.0))
    # Radius 10 about the middle of a pixel: offsets -10..10, 21 pixels.
    assert mask.any(axis=0).sum() == 21
    assert mask.any(axis=1).sum() == 21
    assert pixels.shape == (*mask.shape, 3)


def test_a_crate_turned_by_a_quarter_swaps_its_sides():
    upright, _ = draw_shape(BY_NAME["crate"], (12.5, 6.5), 0.0, (0.1, 1.0))
    turned, _ = draw_shape(BY_NAME["crate"], (12.5, 6.5), math.pi / 2, (0.1, 1.0))
    # Offsets -12..12 and -6..6.
    assert (upright.any(axis=0).sum(), upright.any(axis=1).sum()) == (25, 13)
    assert (turned.any(axis=0).sum(), turned.any(axis=1).sum()) == (13, 25)


def test_a_ring_has_a_hole():
    mask, _ = draw_shape(BY_NAME["ring"], (20.0, 20.0), 0.3, (0.3, 1.0))
    middle = mask.shape[0] // 2
    assert not mask[middle, middle]
    assert mask[middle, middle + 15]


def test_a_star_has_a_tip_above_and_a_notch_below():
    mask, _ = draw_shape(BY_NAME["star"], (30.0, 30.0), math.pi, (0.8, 1.0))
    middle = mask.shape[0] // 2
    # Turned by half, one tip points up (29 px) and the notch under the centre is at
    # the inner radius, 0.382 * 30 = 11.5 px.
    assert mask[middle - 29, middle]
    assert mask[middle + 11, middle]
    assert not mask[middle + 13, middle]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_patch_holds_the_whole_object_at_any_angle(shape):
    for angle in (0.0, 0.4, 1.1, 2.9):
        mask, _ = draw_shape(shape, (17.3, 11.2), angle, (shape.hue, 0.9))
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert mask.any()
        assert not border.any()
