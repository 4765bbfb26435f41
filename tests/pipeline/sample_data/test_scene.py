import hashlib

import numpy as np
import pytest

from pipeline.sample_data.background import draw_background
from pipeline.sample_data.scene import draw_scene

SCENES = [draw_scene(np.random.default_rng([7, 0, index]), 320) for index in range(120)]
OBJECTS = [item for scene in SCENES for item in scene.objects]


def test_boxes_are_tight_to_the_pixels_that_the_object_owns():
    for scene in SCENES:
        for index, item in enumerate(scene.objects):
            rows, columns = np.nonzero(scene.owner == index)
            xmin, ymin, xmax, ymax = item.box
            assert (xmin, ymin) == (columns.min(), rows.min())
            assert (xmax, ymax) == (columns.max() + 1, rows.max() + 1)


def test_owned_pixels_are_the_ones_that_differ_from_the_bare_background():
    # The grain is at most 9 in each channel; what nobody owns is background and grain.
    for index in range(20):
        scene = draw_scene(np.random.default_rng([7, 0, index]), 320)
        rng = np.random.default_rng([7, 0, index])
        height, width = scene.owner.shape
        spend_the_draws_of_the_frame(rng)
        bare = draw_background(rng, width, height)
        difference = np.abs(scene.pixels.astype(int) - bare).max(axis=-1)
        assert difference[scene.owner < 0].max() <= 9
        for item_index in range(len(scene.objects)):
            changed = difference[scene.owner == item_index] > 9
            assert changed.mean() > 0.9


def spend_the_draws_of_the_frame(rng):
    # At size 320: the longer side 256..320, the shorter 200..256, the orientation.
    rng.integers(256, 321)
    rng.integers(200, 257)
    rng.random()


def test_truncated_means_that_the_box_touches_the_border():
    for scene in SCENES:
        height, width = scene.owner.shape
        for item in scene.objects:
            xmin, ymin, xmax, ymax = item.box
            touches = xmin == 0 or ymin == 0 or xmax == width or ymax == height
            assert touches or not item.truncated


def test_there_is_something_of_everything():
    assert len({item.name for item in OBJECTS}) == 5
    assert 0.02 < np.mean([item.difficult for item in OBJECTS]) < 0.15
    assert 0.05 < np.mean([item.truncated for item in OBJECTS]) < 0.3
    assert 0.03 < np.mean([item.occluded for item in OBJECTS]) < 0.3
    assert 2 <= sum(not scene.objects for scene in SCENES) <= 20
    assert len({scene.owner.shape for scene in SCENES}) > 60
    assert any(scene.owner.shape[0] > scene.owner.shape[1] for scene in SCENES)


def test_most_objects_are_30_to_120_pixels_long():
    sides = [max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in (o.box for o in OBJECTS)]
    assert np.mean([30 <= side <= 120 for side in sides]) > 0.85


def test_an_object_without_the_difficult_flag_can_be_seen():
    for item in OBJECTS:
        side = min(item.box[2] - item.box[0], item.box[3] - item.box[1])
        assert item.difficult or side >= 18


@pytest.mark.parametrize("size", [128, 320, 640])
def test_size_bounds_the_image_and_scales_the_objects(size):
    scenes = [
        draw_scene(np.random.default_rng([3, index]), size) for index in range(30)
    ]
    longest = [max(scene.owner.shape) for scene in scenes]
    shortest = [min(scene.owner.shape) for scene in scenes]
    assert max(longest) <= size
    assert min(shortest) >= size * 0.625
    plain = [o for scene in scenes for o in scene.objects if not o.difficult]
    sides = [max(o.box[2] - o.box[0], o.box[3] - o.box[1]) for o in plain]
    assert 0.15 < np.median(sides) / size < 0.3


def test_change_detector_the_first_scene_of_seed_0_has_these_pixels():
    # A change here changes every sample: raise DRAWING_VERSION in sample.py with it.
    scene = draw_scene(np.random.default_rng([0, 0, 0]), 320)
    digest = hashlib.sha256(scene.pixels.tobytes() + scene.owner.tobytes())
    assert digest.hexdigest()[:16] == "4dac9eb7aea5934c"
