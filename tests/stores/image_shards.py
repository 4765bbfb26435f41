"""Shards of small pictures for tests of the input pipeline."""

import hashlib
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
from trainer.input.config import InputConfig

NAMES = ("bus", "cat")
FRAME = (32, 48)


def _png(width, height, shade):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def image_example(name, width=48, height=32, boxes=(), difficult=(), shade=50):
    """A picture of one shade of red, its boxes a bus and a cat in turn."""
    count = len(boxes)
    flags = np.zeros(count, bool)
    encoded = _png(width, height, shade)
    return DetectionExample(
        image_id=name,
        filename=f"{name}.png",
        source_path=f"Annotations/{name}.xml",
        encoded_image=encoded,
        image_format="png",
        width=width,
        height=height,
        sha256=hashlib.sha256(encoded).hexdigest(),
        boxes=np.asarray(boxes, np.float32).reshape(-1, 4),
        class_names=tuple(NAMES[i % 2] for i in range(count)),
        difficult=np.asarray(difficult, bool) if difficult else flags,
        truncated=flags,
        occluded=flags,
        poses=("",) * count,
        part_boxes=np.zeros((0, 4), np.float32),
        part_names=(),
        part_object_index=np.zeros(0, np.int64),
        brightness=0.5,
        contrast=0.1,
    )


def write_shard(path, examples):
    """One shard; compressed where its name says so."""
    compression = "GZIP" if path.suffix == ".gz" else ""
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for one in examples:
            writer.write(encode_example(one, LabelMap(NAMES)))
    return str(path)


def small_input(**fields):
    """Small frames, four to a batch, three boxes to an image, or as said."""
    return InputConfig(
        **{"image_size": FRAME, "global_batch_size": 4, "max_boxes": 3, **fields}
    )
