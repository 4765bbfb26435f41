"""Images per second and core: our input pipeline against Keras's layers alone.

Both sides read the same shards, decode the same JPEGs, letterbox to 512 x 512 and
augment with the same operations at the same strengths: flip, zoom and move, shear,
rotate, colour jitter, erase. Keras has no mosaic, and its MixUp and RandomCrop do not
work on boxes (docs/augmentation.md), so neither side has those in the ratio; what
ours cost with them is printed too. One tf.data thread, so a rate is one of a core.

    python benchmarks/input_pipeline.py [--images 160] [--size 512] [--rounds 3]
"""

import argparse
import dataclasses
import functools
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
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
from trainer.input.batches import make_dataset
from trainer.input.config import InputConfig
from trainer.input.frames import read_frame
from trainer.input.records import find_files, read_records

NAMES = ("a", "b")
SHARED = (
    HorizontalFlip(),
    ScaleTranslate(scale_range=(0.75, 1.33), max_translate_rel=0.1),
    Shear(x_range=(-0.2, 0.2), y_range=(-0.2, 0.2)),
    Rotate(degrees_range=(-10.0, 10.0)),
    ColorJitter(),
    Erase(probability=1.0),
)
WITH_MIXING = (
    *SHARED[:4],
    SafeCrop(),
    Mosaic(probability=0.5),
    MixUp(probability=0.15),
    *SHARED[4:],
)


def write_images(folder: Path, count: int) -> str:
    """JPEGs of VOC's usual 500 x 375, as rich in detail as photographs; six boxes."""
    rng = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(folder / "images-00000-of-00001")) as writer:
        for index in range(count):
            coarse = rng.integers(0, 255, (24, 32, 3)).astype(np.float32)
            pixels = tf.image.resize(coarse, (375, 500), "bicubic")
            pixels += rng.normal(0, 6, (375, 500, 3))
            image = tf.cast(tf.clip_by_value(pixels, 0, 255), tf.uint8)
            corner = rng.uniform(0, [300, 200], (6, 2))
            boxes = np.concatenate([corner, corner + rng.uniform(20, 170, (6, 2))], 1)
            flags = np.zeros(6, bool)
            example = DetectionExample(
                image_id=f"{index:06d}",
                filename="image.jpg",
                source_path="image.jpg",
                encoded_image=tf.io.encode_jpeg(image, quality=90).numpy(),
                image_format="jpeg",
                width=500,
                height=375,
                sha256=f"{index}",
                boxes=boxes.astype(np.float32),
                class_names=tuple(NAMES[i % 2] for i in range(6)),
                difficult=flags,
                truncated=flags,
                occluded=flags,
                poses=("",) * 6,
            )
            writer.write(encode_example(example, LabelMap(NAMES)))
    return str(folder / "images-*")


def keras_batches(pattern: str, config: InputConfig) -> tf.data.Dataset:
    """The same operations as Keras layers, in the way its guides show: on batches."""
    boxes = {"bounding_box_format": "xyxy"}
    filled = {**boxes, "fill_mode": "constant", "fill_value": 114.0}
    layers = keras.layers.Pipeline(
        [
            keras.layers.RandomFlip("horizontal", **boxes),
            keras.layers.RandomZoom((-0.25, 0.33), **filled),
            keras.layers.RandomTranslation(0.1, 0.1, **filled),
            keras.layers.RandomShear(0.2, 0.2, **filled),
            keras.layers.RandomRotation(10 / 360, **filled),
            keras.layers.RandomColorJitter((0, 255), 0.125, 0.25, 0.5, 0.05, **boxes),
            keras.layers.RandomErasing(1.0, (0.02, 0.15), **boxes),
        ]
    )
    read = functools.partial(
        read_frame, frame_size=config.image_size, max_boxes=config.max_boxes
    )

    def augment(batch: dict[str, tf.Tensor]) -> dict[str, object]:
        truth = {"boxes": batch["gt_boxes"], "labels": batch["gt_classes"]}
        images = tf.cast(batch["images"], tf.float32)
        return layers({"images": images, "bounding_boxes": truth}, training=True)

    frames = read_records(find_files(pattern), parallel_files=1).repeat().map(read)
    return frames.batch(config.global_batch_size).map(augment)


def rate(batches: tf.data.Dataset, config: InputConfig, images: int) -> float:
    """Images per second of processor time; the first batches build and compile."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    iterator = iter(batches.with_options(options))
    for _ in range(4):
        next(iterator)
    steps = max(1, images // config.global_batch_size)
    start = time.process_time()
    for _ in range(steps):
        next(iterator)
    return steps * config.global_batch_size / (time.process_time() - start)


def main() -> int:
    """Prints a line for each side and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    shared = InputConfig(
        image_size=(args.size, args.size),
        global_batch_size=8,
        augmentations=SHARED,
        cache_bytes=0,
    )
    mixing = dataclasses.replace(shared, augmentations=WITH_MIXING)
    plain = dataclasses.replace(shared, augmentations=())
    whole = 1 << 30
    with tempfile.TemporaryDirectory() as folder:
        pattern = write_images(Path(folder), args.images)
        our_batches = functools.partial(make_dataset, pattern, training=True)
        sides = {
            "Keras layers": keras_batches(pattern, shared),
            "ours": our_batches(shared),
            "ours, frames in memory": our_batches(
                dataclasses.replace(shared, cache_bytes=whole)
            ),
            "ours with crop, mosaic, mixup": our_batches(mixing),
            "ours with them, in memory": our_batches(
                dataclasses.replace(mixing, cache_bytes=whole)
            ),
            "ours, nothing random": our_batches(plain),
        }
        # Rounds take turns, so that a busy machine slows every side alike.
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(args.rounds):
            for name, batches in sides.items():
                rates[name].append(rate(batches, shared, args.images))
    report(rates)
    return 0


def report(rates: dict[str, list[float]]) -> None:
    """Medians, with the lowest and highest round."""
    middle = {name: statistics.median(values) for name, values in rates.items()}
    base = middle["Keras layers"]
    for name, value in middle.items():
        low, high = min(rates[name]), max(rates[name])
        sys.stdout.write(
            f"{name:32s} {value:7.1f} images/s per core "
            f"({low:.1f}..{high:.1f}), {value / base:5.2f} x Keras\n"
        )


if __name__ == "__main__":
    sys.exit(main())
