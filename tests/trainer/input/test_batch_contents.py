"""What a batch holds of odd images, of many boxes, and of shards that are none."""

import gzip
import logging

import numpy as np
import pytest
import tensorflow as tf
from image_shards import image_example as _example
from image_shards import small_input as _config
from image_shards import write_shard as _write

from schemas.user_error import UserError
from trainer.augment.declaration import HorizontalFlip, MixUp, Mosaic
from trainer.input.batches import make_dataset


@pytest.mark.parametrize("cache_bytes", [1 << 30, 0], ids=["memory", "stream"])
def test_odd_images_are_defined_and_augmented(tmp_path, cache_bytes):
    path = _write(
        tmp_path / "images-00000-of-00001.gz",
        [
            _example("pixel", 1, 1, boxes=[(0, 0, 1, 1)]),
            _example("line", 1000, 1, boxes=[(0, 0, 500, 1)]),
            _example("empty", 20, 20),
            _example("Ünïcode 猫", 20, 20, boxes=[(3, 3, 3, 9), (0, 0, 20, 20)]),
        ],
    )
    config = _config(
        cache_bytes=cache_bytes,
        augmentations=(HorizontalFlip(), Mosaic(probability=0.5), MixUp()),
    )

    for batch in make_dataset(path, config, training=True).take(6):
        boxes, kept = batch["gt_boxes"].numpy(), batch["gt_classes"].numpy() >= 0
        assert (boxes[~kept] == -1).all()
        assert (boxes[kept][:, 2:] > boxes[kept][:, :2]).all()
    (batch,) = make_dataset(path, _config(), training=False)
    # The second image without a real box, the fourth with one of its two.
    counts = (batch["gt_classes"].numpy() >= 0).sum(axis=1)
    assert counts.tolist() == [1, 1, 0, 1]
    assert batch["image_ids"].numpy()[3].decode() == "Ünïcode 猫"


def test_of_too_many_boxes_the_largest_are_trained_on_and_it_is_said(tmp_path, caplog):
    sides = [2, 9, 4, 8, 6]
    path = _write(
        tmp_path / "images-00000-of-00001.gz",
        [
            _example("many", boxes=[(0, 0, s, s) for s in sides]),
            _example("none"),
        ],
    )

    with caplog.at_level(logging.WARNING):
        batch = next(iter(make_dataset(path, _config(), training=True)))

    many = list(batch["image_ids"].numpy()).index(b"many")
    assert batch["gt_boxes"].shape[1] == 3
    np.testing.assert_allclose(batch["gt_boxes"][many, :, 2], [9, 8, 6], rtol=1e-5)
    said = "1 of 2 training images have more than max_boxes=3 boxes (up to 5)"
    assert said in caplog.text


def test_evaluation_has_all_boxes(tmp_path, caplog):
    sides = [2, 9, 4, 8, 6]
    path = _write(
        tmp_path / "images-00000-of-00001.gz",
        [
            _example("many", boxes=[(0, 0, s, s) for s in sides]),
            _example("none"),
        ],
    )

    with caplog.at_level(logging.WARNING):
        (batch,) = make_dataset(path, _config(), training=False)

    np.testing.assert_allclose(batch["gt_boxes"][0, :, 2], sides, rtol=1e-5)
    assert (batch["gt_classes"][1] == -1).numpy().all()
    assert not caplog.text


def test_transform_graph_decides_boxes_and_classes(tmp_path):
    def transform(parsed):
        return {
            "gt_boxes": tf.constant([[0.5, 0.5, 1.0, 1.0]]),
            "gt_classes": tf.constant([7], tf.int64),
        }

    path = _write(tmp_path / "images", [_example("a", boxes=[(4, 4, 24, 28)])])
    batch = next(
        iter(
            make_dataset(
                path,
                _config(),
                training=False,
                transform_features=transform,
            )
        )
    )

    np.testing.assert_array_equal(batch["gt_boxes"][0, 0], [24, 16, 48, 32])
    np.testing.assert_array_equal(batch["gt_classes"][0], [7, -1, -1])


def test_missing_shards_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no TFRecord files match .*nothing-\*"):
        make_dataset(str(tmp_path / "nothing-*"), _config(), training=True)


def test_empty_shards_are_refused(tmp_path):
    path = _write(tmp_path / "images-00000-of-00001.gz", [])

    with pytest.raises(UserError, match=r"no examples in .*nothing to train on"):
        make_dataset(path, _config(), training=True)


def test_a_damaged_shard_is_named(tmp_path):
    path = tmp_path / "images-00000-of-00001.gz"
    path.write_bytes(gzip.compress(b"not a record of anything"))

    with pytest.raises(UserError, match=r"00001\.gz is not a readable TFRecord"):
        make_dataset(str(path), _config(), training=True)
