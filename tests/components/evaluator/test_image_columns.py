import dataclasses

import numpy as np
import pytest

from components.evaluator import image_columns
from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns


def image(image_id, num_objects, scores):
    """Objects and detections of classes 0, 1, ...; boxes that tell rows apart."""
    offset = ord(image_id) * 10
    return ScoredImage(
        image_id=image_id,
        gt_boxes=np.arange(4 * num_objects).reshape(-1, 4) + offset,
        gt_classes=np.arange(num_objects),
        gt_difficult=np.zeros(num_objects, bool),
        boxes=np.arange(4 * len(scores)).reshape(-1, 4) + offset,
        classes=np.arange(len(scores)),
        scores=np.array(scores, np.float32),
    )


IMAGES = [image("c", 1, [0.5]), image("a", 2, []), image("b", 0, [0.25, 0.75])]


def assert_same(one, other):
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(other, name), err_msg=name)


def test_columns_hold_the_images_by_sorted_id():
    columns = ImageColumns.of_images(IMAGES)

    assert columns.image_ids.tolist() == ["a", "b", "c"]
    assert columns.gt_image.tolist() == [0, 0, 2]
    assert columns.image.tolist() == [1, 1, 2]
    assert columns.scores.tolist() == [0.25, 0.75, 0.5]
    assert columns.boxes[2].tolist() == [990, 991, 992, 993]


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_parts_merge_to_the_whole_in_any_order(cut):
    parts = [ImageColumns.of_images(IMAGES[cut:]), ImageColumns.of_images(IMAGES[:cut])]

    assert_same(ImageColumns.merge(parts), ImageColumns.of_images(IMAGES))


def test_columns_survive_their_way_through_bytes():
    columns = ImageColumns.of_images(IMAGES)

    assert_same(ImageColumns.from_bytes(columns.to_bytes()), columns)


def test_what_is_narrow_in_a_file_is_wide_where_it_is_counted_with():
    # A float32 as a model gives it, and a third, which no float32 is.
    images = [image("a", 1, [0.5]), image("b", 0, [])]
    for third in (0, 1 / 3):
        images[0].gt_boxes[:] = 7
        held = dataclasses.replace(images[0], boxes=np.full((1, 4), third))
        columns = ImageColumns.of_images([held, images[1]])

        back = ImageColumns.from_bytes(columns.to_bytes())

        assert_same(back, columns)
        truths = [one.ground_truths() for one in (back, columns)]
        found = [one.detections() for one in (back, columns)]
        for one, other in (truths, found):
            for name, values in vars(one).items():
                assert values.dtype == getattr(other, name).dtype, name
                np.testing.assert_array_equal(values, getattr(other, name), name)


def test_blocks_are_the_images_one_after_another(monkeypatch):
    monkeypatch.setattr(image_columns, "IMAGES_AT_ONCE", 2)
    columns = ImageColumns.of_images(IMAGES)

    blocks = {places[0]: block for places, block in columns.blocks()}

    assert [block.image_ids.tolist() for block in blocks.values()] == [
        ["a", "b"],
        ["c"],
    ]
    assert blocks[2].gt_image.tolist() == blocks[2].image.tolist() == [0]
    assert blocks[2].boxes.tolist() == [[990, 991, 992, 993]]
    assert_same(ImageColumns.merge(blocks.values()), columns)
    (empty,) = ImageColumns.of_images([]).blocks()
    assert len(empty[1].image_ids) == 0


def test_nan_is_seen():
    assert ImageColumns.of_images(IMAGES).has_only_numbers
    assert not ImageColumns.of_images([image("a", 0, [np.nan])]).has_only_numbers
