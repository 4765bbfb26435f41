"""Boxes returned against boxes found in the pixels."""

import numpy as np
import pytest

from trainer.augment.declaration import (
    ColorJitter,
    Erase,
    HorizontalFlip,
    MixUp,
    Mosaic,
    Rotate,
    SafeCrop,
    ScaleTranslate,
    Shear,
)

SQUARE, WIDE, TALL = (96, 96), (64, 128), (128, 80)
WHITE = (255, 255, 255)
# Between the padding's grey, 114, and white.
WHITE_FROM = 190

GEOMETRIC = [
    HorizontalFlip(probability=1.0),
    Shear(x_range=(-0.3, 0.3), y_range=(-0.3, 0.3)),
    ScaleTranslate(scale_range=(0.6, 1.4), max_translate_rel=0.1),
    SafeCrop(probability=1.0),
    Rotate(degrees_range=(-30.0, 30.0)),
]


def _central_box(size, part=0.4):
    """Off centre on purpose: a wrong pivot would pass on a centred one."""
    height, width = size
    x0, y0 = int(width * 0.25), int(height * 0.35)
    return (x0, y0, x0 + int(width * part), y0 + int(height * part))


def _assert_box_is_where_the_pixels_are(result, box_of, iou_of):
    kept = result["gt_classes"] >= 0
    assert kept.sum() == 1
    found = box_of(result["images"][..., 0] > WHITE_FROM)
    returned = result["gt_boxes"][kept][0]
    assert iou_of(found, returned) >= 0.9, f"{found} in the pixels, {returned}"


@pytest.mark.parametrize("in_dataset", [False, True], ids=["eager", "dataset"])
@pytest.mark.parametrize("size", [SQUARE, WIDE, TALL], ids=str)
@pytest.mark.parametrize("operation", GEOMETRIC, ids=lambda op: type(op).__name__)
def test_geometric_operation_moves_its_box_with_its_pixels(
    operation, size, in_dataset, frames_of, augment, box_of, iou_of
):
    frames = frames_of(size, [_central_box(size)], [WHITE])

    for result in augment(frames, operation, in_dataset=in_dataset):
        _assert_box_is_where_the_pixels_are(result, box_of, iou_of)


@pytest.mark.parametrize("size", [SQUARE, WIDE], ids=str)
def test_composed_operations_move_the_box_with_its_pixels(
    size, frames_of, augment, box_of, iou_of
):
    frames = frames_of(size, [_central_box(size, part=0.3)], [WHITE])
    operations = [
        HorizontalFlip(),
        Shear(x_range=(-0.15, 0.15), y_range=(-0.1, 0.1)),
        ScaleTranslate(scale_range=(0.7, 1.1)),
    ]

    for result in augment(frames, *operations, seeds=20):
        _assert_box_is_where_the_pixels_are(result, box_of, iou_of)


@pytest.mark.parametrize("in_dataset", [False, True], ids=["eager", "dataset"])
@pytest.mark.parametrize("size", [SQUARE, WIDE], ids=str)
def test_mosaic_puts_each_box_where_its_image_went(
    size, in_dataset, frames_of, augment, box_of, iou_of
):
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    frames = frames_of(size, [_central_box(size, part=0.5)] * 4, colors)

    seen = 0
    for result in augment(frames, Mosaic(probability=1.0), in_dataset=in_dataset):
        for color_class, color in enumerate(colors):
            off = np.abs(result["images"].astype(int) - color).max(-1)
            found = box_of(off < 100)
            mine = result["gt_classes"] == color_class
            if np.prod(found[2:] - found[:2]) < 100:
                continue
            assert mine.sum() == 1
            assert iou_of(found, result["gt_boxes"][mine][0]) >= 0.9
            seen += 1
    assert seen > 30


@pytest.mark.parametrize("in_dataset", [False, True], ids=["eager", "dataset"])
@pytest.mark.parametrize("size", [SQUARE, WIDE], ids=str)
def test_mixup_shows_both_images_and_keeps_both_boxes(
    size, in_dataset, frames_of, augment, box_of, iou_of
):
    red, blue = (255, 0, 0), (0, 0, 255)
    second = (4, 6, 30, 40)
    frames = frames_of(size, [_central_box(size), second], [red, blue])

    for result in augment(frames, MixUp(probability=1.0), in_dataset=in_dataset):
        for box_class, channel in ((0, 0), (1, 2)):
            found = box_of(result["images"][..., channel] > 60)
            mine = result["gt_classes"] == box_class
            assert mine.sum() == 1
            assert iou_of(found, result["gt_boxes"][mine][0]) >= 0.9


def test_mosaic_and_mixup_rest_when_told_to(frames_of, augment):
    frames = frames_of(SQUARE, [_central_box(SQUARE)] * 5, [WHITE] * 5)
    mixing = Mosaic(probability=1.0), MixUp(probability=1.0)

    (result,) = augment(frames, *mixing, seeds=1, mixes=False)

    np.testing.assert_array_equal(result["images"], frames["images"][0])
    np.testing.assert_array_equal(result["gt_boxes"], frames["gt_boxes"][0])


def test_colour_and_erase_leave_the_box_alone(frames_of, augment):
    frames = frames_of(SQUARE, [_central_box(SQUARE)], [WHITE])
    erase = Erase(probability=1.0, area_range=(0.01, 0.02))

    for result in augment(frames, ColorJitter(), erase):
        np.testing.assert_array_equal(result["gt_boxes"][0], frames["gt_boxes"][0, 0])


def test_a_box_that_left_the_frame_becomes_padding(frames_of, augment):
    frames = frames_of(SQUARE, [(2, 2, 12, 12)], [WHITE])
    zoom = ScaleTranslate(scale_range=(3.0, 3.0), max_translate_rel=0.0)

    (result,) = augment(frames, zoom, seeds=1)

    # x = 48 + 3 * (2 - 48) = -90 to 48 + 3 * (12 - 48) = -60: all outside.
    assert (result["gt_classes"] == -1).all()
    assert (result["gt_boxes"] == -1).all()
    assert not result["gt_difficult"].any()


@pytest.mark.parametrize(("threshold", "boxes_left"), [(0.49, 1), (0.51, 0)])
def test_a_cut_box_is_dropped_below_the_visible_part(
    threshold, boxes_left, frames_of, augment
):
    # Doubled about (48, 48), x 12..36 goes to -24..24: half of it can be seen.
    frames = frames_of(SQUARE, [(12, 30, 36, 60)], [WHITE])
    zoom = ScaleTranslate(scale_range=(2.0, 2.0), max_translate_rel=0.0)

    (result,) = augment(frames, zoom, seeds=1, min_box_visibility=threshold)

    assert (result["gt_classes"] >= 0).sum() == boxes_left
    if boxes_left:
        np.testing.assert_allclose(result["gt_boxes"][0], [0, 12, 24, 72])


def test_a_box_too_thin_to_see_is_dropped(frames_of, augment):
    frames = frames_of(SQUARE, [(40, 20, 43, 60)], [WHITE])
    shrink = ScaleTranslate(scale_range=(0.5, 0.5), max_translate_rel=0.0)

    (thin,) = augment(frames, shrink, seeds=1, min_box_side=2.0)
    (kept,) = augment(frames, shrink, seeds=1, min_box_side=1.0)

    assert (thin["gt_classes"] == -1).all()
    assert kept["gt_classes"][0] == 0


def test_everything_at_once_keeps_boxes_legal_and_padding_padding(frames_of, augment):
    height, width = WIDE
    frames = frames_of(WIDE, [_central_box(WIDE), (0, 0, 1, 64)] * 3, [WHITE] * 6)
    operations = [*GEOMETRIC, Mosaic(probability=0.5), MixUp(probability=0.5)]

    results = augment(
        frames, *operations, ColorJitter(), Erase(), seeds=40, in_dataset=True
    )

    for result in results:
        boxes, classes = result["gt_boxes"], result["gt_classes"]
        kept = classes >= 0
        assert (boxes[~kept] == -1).all()
        assert (boxes[kept] >= 0).all()
        assert (boxes[kept] <= [width, height, width, height]).all()
        assert (boxes[kept, 2:] > boxes[kept, :2]).all()
        # Real rows come first.
        assert (np.diff(kept.astype(int)) <= 0).all()


def test_same_seed_same_frame_and_other_seed_another(frames_of, augment):
    frames = frames_of(SQUARE, [_central_box(SQUARE)] * 5, [WHITE] * 5)
    operations = [Shear(), Mosaic(probability=0.5), MixUp(), ColorJitter(), Erase()]

    first = augment(frames, *operations, seeds=4)
    again = augment(frames, *operations, seeds=4, in_dataset=True)

    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["images"], other["images"])
        np.testing.assert_array_equal(one["gt_boxes"], other["gt_boxes"])
    assert (first[0]["images"] != first[1]["images"]).any()


def test_no_augmentations_leave_the_frame_as_it_is(frames_of, augment):
    frames = frames_of(SQUARE, [_central_box(SQUARE)], [WHITE])

    (result,) = augment(frames, seeds=1)

    for key, value in frames.items():
        np.testing.assert_array_equal(result[key], value[0])


def test_more_boxes_than_rows_keep_the_largest(frames_of, augment):
    frames = frames_of(SQUARE, [(0, 0, 4, 4)] * 4, [WHITE] * 4)
    # Six boxes in each of four images, of which one has the six largest.
    sides = np.arange(1, 7, dtype=np.float32)
    rows = np.stack([sides * 0, sides * 0, sides, sides], axis=-1)
    large = np.array([20, 20, 40, 40])
    frames["gt_boxes"] = np.stack([rows + large, rows + 20, rows, rows])
    frames["gt_boxes"] = frames["gt_boxes"].astype(np.float32)
    frames["gt_classes"] = np.repeat(np.arange(4, dtype=np.int32), 6).reshape(4, 6)
    mosaic = Mosaic(probability=1.0, zoom_range=(1.0, 1.0), center_range=(0.5, 0.5))

    for result in augment(frames, mosaic):
        assert (result["gt_classes"] == 0).sum() == 6
