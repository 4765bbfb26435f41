import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.serving_check import probe
from schemas import tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap

WIDTH, HEIGHT = 40, 30


def detections(**changes):
    """One image, three rows, two of them detections."""
    values = {
        "boxes": np.array([[[0, 0, 40, 30], [1, 2, 3, 4], [0, 0, 0, 0]]], np.float32),
        "scores": np.array([[0.9, 0.5, 0.0]], np.float32),
        "classes": np.array([[1, 0, -1]], np.int32),
        "class_names": np.array([[b"dog", b"cat", b""]]),
        "num_detections": np.array([2], np.int32),
    }
    return values | changes


def problems(**changes):
    return probe.detection_problems(detections(**changes), 0, HEIGHT, WIDTH)


def test_legal_detections_have_no_problems():
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_detections": np.array([4])}, "num_detections 4 is outside 0..3"),
        ({"scores": np.array([[np.nan, 0.5, 0]])}, "a box or a score is NaN"),
        ({"scores": np.array([[1.5, 0.5, 0]])}, "a score is outside 0..1"),
        ({"scores": np.array([[0.5, 0.9, 0]])}, "scores do not descend"),
        ({"classes": np.array([[-1, 0, -1]])}, "a detection has no class"),
        ({"class_names": np.array([[b"", b"cat", b""]])}, "a detection has no class"),
        (
            {"boxes": np.array([[[0, 0, 41, 30], [1, 2, 3, 4], [0, 0, 0, 0]]])},
            "a box leaves the image",
        ),
        (
            {"boxes": np.array([[[9, 0, 4, 30], [1, 2, 3, 4], [0, 0, 0, 0]]])},
            "a box has its corners swapped",
        ),
    ],
)
def test_each_illegal_detection_is_named(changes, expected):
    (found,) = problems(**changes)

    assert found.startswith(expected)


def test_rows_behind_the_count_are_padding_and_not_looked_at():
    assert problems(num_detections=np.array([0]), scores=np.full((1, 3), np.nan)) == []


class OneBox(tf.Module):
    """Finds one box in every image: all of it, unless `edge` says otherwise."""

    def __init__(self, edge=1.0):
        super().__init__()
        self._edge = edge

    def _found(self, sizes):
        """sizes [B, 2] height, width -> the outputs of a detector."""
        sizes = tf.cast(sizes, tf.float32) * self._edge
        zeros = tf.zeros_like(sizes[:, 0])
        boxes = tf.stack([zeros, zeros, sizes[:, 1], sizes[:, 0]], -1)[:, None]
        count = tf.shape(sizes)[0]
        return {
            "boxes": boxes,
            "scores": tf.fill([count, 1], 0.5),
            "classes": tf.zeros([count, 1], tf.int32),
            "class_names": tf.fill([count, 1], "dog"),
            "num_detections": tf.ones([count], tf.int32),
        }

    def _sizes(self, encoded):
        return tf.map_fn(
            lambda image: tf.shape(tf.io.decode_image(image, expand_animations=False))[
                :2
            ],
            encoded,
            fn_output_signature=tf.int32,
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def by_bytes(self, image_bytes):
        return self._found(self._sizes(image_bytes))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def by_example(self, examples):
        spec = {tf_example.ENCODED: tf.io.FixedLenFeature([], tf.string)}
        parsed = tf.io.parse_example(examples, spec)
        return self._found(self._sizes(parsed[tf_example.ENCODED]))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")]
    )
    def by_image(self, images):
        shape = tf.shape(images)
        return self._found(tf.repeat(shape[None, 1:3], shape[0], axis=0))


def save(model, folder, **signatures):
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return str(folder)


def save_whole(model, folder):
    return save(
        model,
        folder,
        serving_default=model.by_bytes,
        serving_tf_example=model.by_example,
        serving_images=model.by_image,
    )


@pytest.fixture
def examples(tmp_path):
    """Two images of different sizes, as ingest writes them."""
    path = tmp_path / "images-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for name, size in (("a", (40, 30)), ("b", (20, 50))):
            encoded = io.BytesIO()
            Image.new("RGB", size).save(encoded, format="PNG")
            example = DetectionExample(
                image_id=name,
                filename=f"{name}.png",
                source_path=f"{name}.png",
                encoded_image=encoded.getvalue(),
                image_format="png",
                width=size[0],
                height=size[1],
                sha256="0",
            )
            writer.write(tf_example.encode_example(example, LabelMap(("dog",))))
    return str(path)


def test_a_whole_model_has_no_problems(tmp_path, examples):
    findings = probe.probe(save_whole(OneBox(), tmp_path / "model"), examples, 4)

    assert findings["problems"] == []
    assert findings["images"] == 2
    assert findings["ms_per_image"] > 0


def test_every_image_with_an_illegal_box_is_named(tmp_path, examples):
    model = save_whole(OneBox(edge=1.5), tmp_path / "model")

    assert probe.probe(model, examples, 4)["problems"] == [
        "image a: a box leaves the image",
        "image b: a box leaves the image",
        "black 80x48 image: a box leaves the image",
    ]


def test_a_missing_signature_is_named_with_those_that_exist(tmp_path, examples):
    model = OneBox()
    folder = save(model, tmp_path / "model", serving_default=model.by_bytes)

    assert probe.probe(folder, examples, 4)["problems"] == [
        "no signature serving_tf_example; there are ['serving_default']",
        "no signature serving_images; there are ['serving_default']",
    ]
