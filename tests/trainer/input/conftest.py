"""Frames whose boxes can be read off their pixels."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from trainer.input.augmenter import Augmenter
from trainer.input.config import InputConfig

MAX_BOXES = 6


def draw_frames(
    size: tuple[int, int],
    boxes: list[tuple[int, int, int, int]],
    colors: list[tuple[int, int, int]],
) -> dict[str, tf.Tensor]:
    """One black frame for each box, which is filled with its colour; class = index."""
    count = len(boxes)
    images = np.zeros((count, *size, 3), np.uint8)
    gt_boxes = np.full((count, MAX_BOXES, 4), -1, np.float32)
    gt_classes = np.full((count, MAX_BOXES), -1, np.int32)
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        images[i, y0:y1, x0:x1] = colors[i]
        gt_boxes[i, 0], gt_classes[i, 0] = boxes[i], i
    frames = {
        "images": images,
        "gt_boxes": gt_boxes,
        "gt_classes": gt_classes,
        "gt_difficult": np.zeros((count, MAX_BOXES), bool),
        "image_ids": np.array([b"image%d" % i for i in range(count)]),
        "image_shapes": np.tile(np.array(size, np.int32), (count, 1)),
        "letterbox": np.tile(np.array([1, 1, 0, 0], np.float32), (count, 1)),
    }
    return {key: tf.constant(value) for key, value in frames.items()}


def find_box(mask: np.ndarray) -> np.ndarray:
    """Where the pixels of a mask [H, W] lie: xyxy, half open."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(4)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inside = float(np.prod(np.maximum(high - low, 0)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - inside
    return inside / union if union else 0.0


@pytest.fixture(scope="session")
def frames_of() -> Callable[..., dict[str, tf.Tensor]]:
    return draw_frames


@pytest.fixture(scope="session")
def box_of() -> Callable[[np.ndarray], np.ndarray]:
    return find_box


@pytest.fixture(scope="session")
def iou_of() -> Callable[[np.ndarray, np.ndarray], float]:
    return iou


@pytest.fixture(scope="session")
def augment() -> Callable[..., list[dict[str, np.ndarray]]]:
    """Frames through a preset's augmentations, once for each seed."""

    def run(
        frames: dict[str, tf.Tensor],
        *augmentations: object,
        seeds: int = 12,
        in_dataset: bool = False,
        mixes: bool = True,
        **fields: float,
    ) -> list[dict[str, np.ndarray]]:
        settings = {"min_box_visibility": 0.0, "min_box_side": 0.0} | fields
        config = InputConfig(
            image_size=tuple(frames["images"].shape[1:3]),
            max_boxes=MAX_BOXES,
            augmentations=augmentations,
            **settings,
        )
        augmenter = Augmenter(config)
        places = tf.range(1 + augmenter.num_partners, dtype=tf.int64)

        @tf.autograph.experimental.do_not_convert
        def one(seed: tf.Tensor) -> dict[str, tf.Tensor]:
            key = tf.stack([seed, tf.constant(7, tf.int64)])
            return augmenter(frames, places, key, tf.constant(mixes))

        all_seeds = tf.data.Dataset.range(seeds)
        if in_dataset:
            results = list(all_seeds.map(one, num_parallel_calls=2))
        else:
            results = [one(seed) for seed in all_seeds]
        return [{key: v.numpy() for key, v in r.items()} for r in results]

    return run
