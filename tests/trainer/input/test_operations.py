"""Single operations by hand: matrices, colours, crops and erased rectangles."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.augment.affine import move_boxes
from trainer.augment.color_jitter import ColorJitter
from trainer.augment.crop import SafeCrop
from trainer.augment.draws import Draws
from trainer.augment.erase import Erase
from trainer.augment.flip import HorizontalFlip
from trainer.augment.mosaic import Mosaic
from trainer.augment.rotate import Rotate
from trainer.augment.scale_translate import ScaleTranslate
from trainer.augment.shear import Shear

FRAME = (100, 200)  # centre at x 100, y 50
BOX = [[[20.0, 10.0, 60.0, 30.0]]]


def _draws(seed=0, frames=1):
    return Draws(tf.constant([seed, 5], tf.int64), frames)


def _moved(operation, boxes=BOX, seed=0):
    boxes = tf.constant(boxes, tf.float32)
    draws = _draws(seed, frames=boxes.shape[0])
    return move_boxes(boxes, operation.transform(draws, boxes, FRAME)).numpy()


def test_flip_mirrors_x_about_the_width():
    # x 20..60 becomes 200 - 60 .. 200 - 20.
    moved = _moved(HorizontalFlip(probability=1.0))

    np.testing.assert_allclose(moved, [[[140, 10, 180, 30]]])


def test_flip_of_probability_zero_never_happens():
    np.testing.assert_array_equal(_moved(HorizontalFlip(probability=0.0)), BOX)


def test_shear_slants_about_the_centre():
    # x' = x + .5 * (y - 50): the upper edge, y 10, goes left by 20, the lower by 10.
    moved = _moved(Shear(x_range=(0.5, 0.5), y_range=(0.0, 0.0)))

    np.testing.assert_allclose(moved, [[[0, 10, 50, 30]]], atol=1e-4)


def test_quarter_turn_is_clockwise_on_the_screen():
    # (x, y) about (100, 50) goes to (-dy, dx): dx -80..-40, dy -40..-20 becomes
    # x 100 + 20..40, y 50 - 80..-40.
    moved = _moved(Rotate(degrees_range=(90.0, 90.0)))

    np.testing.assert_allclose(moved, [[[120, -30, 140, 10]]], atol=1e-4)


def test_scale_keeps_the_centre_of_the_frame():
    zoom = ScaleTranslate(scale_range=(2.0, 2.0), max_translate_rel=0.0)

    # 100 + 2 * (20 - 100) = -60, 50 + 2 * (10 - 50) = -30 and so on.
    np.testing.assert_allclose(_moved(zoom), [[[-60, -30, 20, 10]]], atol=1e-4)


def test_translation_stays_within_its_part_of_the_frame():
    move = ScaleTranslate(scale_range=(1.0, 1.0), max_translate_rel=0.1)

    shifts = [(_moved(move, seed=seed) - BOX)[0, 0] for seed in range(50)]

    limits = np.abs(shifts).max(axis=0)
    assert (limits <= [20, 10, 20, 10]).all()
    assert (limits > [15, 7, 15, 7]).all()


def test_crop_leaves_no_stump_and_keeps_an_object():
    boxes = [[[10.0, 10, 50, 50], [120.0, 40, 190, 95], [-1.0, -1, -1, -1]]]
    crop = SafeCrop(probability=1.0, side_range=(0.4, 0.9))

    cut = 0
    for seed in range(60):
        moved = _moved(crop, boxes, seed)[0, :2]
        inside = np.clip(moved, 0, [200, 100, 200, 100])
        area = np.prod(moved[:, 2:] - moved[:, :2], axis=1)
        visible = np.prod(inside[:, 2:] - inside[:, :2], axis=1) / area
        kept, lost = visible >= 0.7 - 1e-4, visible <= 0.1 + 1e-4
        assert (kept | lost).all()
        assert kept.any()
        cut += not np.allclose(moved, np.array(boxes)[0, :2])
    assert cut > 30


def test_crop_is_free_where_there_are_no_boxes():
    crop = SafeCrop(probability=1.0, side_range=(0.5, 0.5))
    draws = _draws()

    transforms = crop.transform(draws, tf.fill([1, 3, 4], -1.0), FRAME)

    assert not np.allclose(transforms, np.eye(3))


def test_crop_gives_up_rather_than_cut_an_object():
    # Every crop of half the frame cuts a box that fills it.
    crop = SafeCrop(probability=1.0, side_range=(0.5, 0.5), aspect_range=(1.0, 1.0))

    moved = _moved(crop, [[[0.0, 0, 200, 100]]])

    np.testing.assert_array_equal(moved, [[[0, 0, 200, 100]]])


def test_mosaic_covers_each_quarter_with_its_image():
    content = tf.constant([[0.0, 25, 200, 75]] * 4)
    quarters = tf.constant(
        [[0.0, 0, 90, 40], [90, 0, 200, 40], [0, 40, 90, 100], [90, 40, 200, 100]]
    )

    for seed in range(20):
        places = Mosaic().placement(_draws(seed, frames=4), content, quarters)
        moved = move_boxes(content[:, None], places)[:, 0].numpy()
        assert (moved[:, :2] <= quarters[:, :2] + 1e-3).numpy().all()
        assert (moved[:, 2:] >= quarters[:, 2:] - 1e-3).numpy().all()


@pytest.mark.parametrize("seed", range(5))
def test_color_jitter_of_nothing_changes_nothing(seed):
    pixels = tf.random.stateless_uniform([4, 5, 3], [seed, 1], 0.0, 255.0)
    still = ColorJitter(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)

    drawn, kept = still.draw(_draws(seed), tf.constant(BOX[0]), FRAME)

    np.testing.assert_allclose(still.paint(pixels, drawn), pixels, atol=1e-3)
    assert kept.numpy().all()


def test_grayscale_is_rec_601_luma():
    pixels = tf.constant([[[255.0, 0, 0], [0, 255, 0], [0, 0, 255]]])
    gray = ColorJitter(brightness=0.0, contrast=0.0, hue=0.0, grayscale_probability=1.0)

    drawn, _ = gray.draw(_draws(), tf.constant(BOX[0]), FRAME)

    # .299, .587 and .114 of 255.
    luma = np.array([76.245, 149.685, 29.07])
    expected = np.repeat(luma[None, :, None], 3, axis=2)
    np.testing.assert_allclose(gray.paint(pixels, drawn), expected, atol=0.01)


def test_brightness_stays_within_its_part_of_the_scale():
    pixels = tf.fill([2, 2, 3], 100.0)
    lift = ColorJitter(brightness=0.2, contrast=0.0, saturation=0.0, hue=0.0)

    values = [
        float(
            lift.paint(pixels, lift.draw(_draws(s), tf.zeros([1, 4]), FRAME)[0])[
                0, 0, 0
            ]
        )
        for s in range(40)
    ]

    # 100 - .2 * 255 = 49 to 151.
    assert 49 <= min(values) < 60
    assert 140 < max(values) <= 151


def test_erase_paints_its_rectangle_and_nothing_else():
    erase = Erase(probability=1.0, area_range=(0.1, 0.1), aspect_range=(1.0, 1.0))
    drawn, _ = erase.draw(_draws(), tf.zeros([1, 4]), FRAME)

    painted = erase.paint(tf.fill([*FRAME, 3], -1.0), drawn).numpy()

    x0, y0, x1, y1 = (int(v) for v in drawn[:4])
    # sqrt(.1) of both sides: 31.6 x 63.2 pixels.
    assert abs(y1 - y0 - 31.6) <= 1
    assert abs(x1 - x0 - 63.2) <= 1
    assert (painted[y0:y1, x0:x1] == drawn[4:].numpy()).all()
    assert (painted == -1).all(axis=2).sum() == 100 * 200 - (y1 - y0) * (x1 - x0)


def test_erase_drops_the_box_that_it_covers():
    erase = Erase(
        probability=1.0,
        area_range=(0.25, 0.25),
        aspect_range=(1.0, 1.0),
        max_covered=0.5,
    )
    drawn, _ = erase.draw(_draws(), tf.zeros([1, 4]), FRAME)
    x0, y0, x1, y1 = (float(v) for v in drawn[:4])
    # Half covered exactly is kept; a little more is not.
    boxes = tf.constant(
        [[x0, y0, x1, y1], [x0 - (x1 - x0), y0, x1, y1], [x0 - 40, y0, x1, y1]]
    )

    _, kept = erase.draw(_draws(), boxes, FRAME)

    assert kept.numpy().tolist() == [False, True, False]


def test_draws_repeat_by_seed_and_cover_their_range():
    first, again = (_draws(3, frames=2) for _ in range(2))

    numbers = [first.uniform(2.0, 4.0) for _ in range(100)]

    np.testing.assert_array_equal(
        numbers, [again.uniform(2.0, 4.0) for _ in range(100)]
    )
    assert len(np.unique(numbers)) == 200
    assert 2 <= np.min(numbers) < 2.1
    assert 3.9 < np.max(numbers) < 4
