"""An image that does not decode is named with its shard, in one line."""

import io

import pytest
import tensorflow as tf
from PIL import Image

from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
from schemas.user_error import UserError
from trainer.input.batches import make_dataset
from trainer.input.config import InputConfig
from trainer.input.undecodable import undecodable_named

CONFIG = InputConfig(image_size=(32, 32), global_batch_size=2, augmentations=())


def png(shade):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 9, 9)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def shards(tmp_path):
    """Two shards of four images; a3, in the second, has lost its last chunk."""
    for shard in range(2):
        path = tmp_path / f"images-{shard:05d}-of-00002"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in (2 * shard, 2 * shard + 1):
                raw = png(number) if number != 3 else png(3)[:-12]
                example = DetectionExample(
                    image_id=f"a{number}",
                    filename=f"a{number}.png",
                    source_path=f"a{number}.png",
                    encoded_image=raw,
                    image_format="png",
                    width=40,
                    height=30,
                    sha256="0",
                )
                writer.write(encode_example(example, LabelMap(("dog",))))
    return str(tmp_path / "images-*")


def read_batches(shards, *, training):
    batches = make_dataset(shards, CONFIG, training=training)
    return list(zip(range(4), batches, strict=False))


@pytest.mark.parametrize("training", [True, False])
def test_image_and_shard_are_named_in_one_line(shards, training):
    with pytest.raises(UserError) as caught, undecodable_named(shards):
        read_batches(shards, training=training)
    message = str(caught.value)
    assert message.startswith("image 'a3' in ")
    assert "images-00001-of-00002 does not decode (Invalid PNG data" in message
    assert "\n" not in message


def test_other_errors_pass_as_they_are(shards, tmp_path):
    whole = str(tmp_path / "images-00000-of-00002")
    with (
        pytest.raises(tf.errors.InvalidArgumentError, match="shapes"),
        undecodable_named(whole),
    ):
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")
