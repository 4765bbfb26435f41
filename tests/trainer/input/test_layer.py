import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.augment.color_jitter import ColorJitter
from trainer.augment.flip import HorizontalFlip
from trainer.augment.mosaic import Mosaic
from trainer.input.layer import Augment


def batch():
    """Two images of 20 x 40 with a white box from 4, 5 to 14, 15, and padding."""
    images = np.zeros((2, 20, 40, 3), np.uint8)
    images[:, 5:15, 4:14] = 255
    boxes = np.array([[[4, 5, 10, 10], [-1] * 4]] * 2, np.float32)  # xywh
    labels = np.array([[3, -1]] * 2, np.int32)
    return {
        "images": images,
        "image_ids": np.array([b"a", b"b"]),
        "bounding_boxes": {"boxes": boxes, "labels": labels},
    }


@pytest.mark.parametrize("in_dataset", [False, True])
def test_boxes_follow_the_pixels_in_their_own_format(in_dataset):
    layer = Augment([HorizontalFlip(probability=1.0)], "xywh")
    if in_dataset:
        (found,) = tf.data.Dataset.from_tensors(batch()).map(layer)
    else:
        found = layer(batch())
    # mirrored, what began at 4 of 40 and was 10 wide begins at 40 - 14
    box = found["bounding_boxes"]["boxes"][0, 0].numpy()
    np.testing.assert_allclose(box, [26, 5, 10, 10], atol=1e-4)
    assert found["bounding_boxes"]["labels"].numpy().tolist() == [[3, -1]] * 2
    assert (found["images"][0, 5:15, 26:36] == 255).numpy().all()
    assert found["images"][0, :, :26].numpy().max() == 0
    assert found["image_ids"].shape == (2,)


def test_mosaic_takes_its_partners_from_the_batch():
    given = batch()
    given["bounding_boxes"]["labels"][1] = [7, -1]
    found = Augment([Mosaic(probability=1.0)], "xywh", min_box_side=0.0)(given)
    labels = set(found["bounding_boxes"]["labels"].numpy().ravel()) - {-1}
    assert labels <= {3, 7}
    assert found["images"].shape == (2, 20, 40, 3)


def test_each_call_draws_anew():
    layer = Augment([HorizontalFlip(probability=0.5)], "xywh", seed=1)
    drawn = {
        tuple(layer(batch())["bounding_boxes"]["boxes"][:, 0, 0].numpy().round())
        for _ in range(12)
    }
    assert len(drawn) > 1


def test_operations_out_of_order_are_refused():
    with pytest.raises(ValueError, match="in the order they run"):
        Augment([ColorJitter(), HorizontalFlip()])


def test_the_layer_survives_serialization():
    layer = Augment([HorizontalFlip(probability=0.25)], "yxyx", seed=3)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.get_config() == layer.get_config()
