"""The whole trainer learns: slow, and the one test that no unit test replaces."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline import presets
from trainer.config import TrainerConfig
from trainer.evaluation.evaluate import compiled_detector, evaluate_batches
from trainer.input.config import InputConfig
from trainer.model.build import build_retinanet
from trainer.optimizer.build import build_optimizer
from trainer.training.fit import TrainingData, fit

SIDE, IMAGES, STEPS = 128, 16, 420
COLORS = ((220, 60, 60), (60, 200, 80), (70, 90, 230))


def drawn(seed):
    """An image with one to four filled shapes, one class a colour and shape."""
    random = np.random.default_rng(seed)
    image = random.integers(90, 150, (SIDE, SIDE, 3)).astype("uint8")
    boxes, classes = np.full((8, 4), -1.0, "float32"), np.full(8, -1, "int32")
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for row in range(random.integers(1, 5)):
        width, height = random.integers(16, 60, 2)
        left, top = random.integers(0, SIDE - width), random.integers(0, SIDE - height)
        kind = random.integers(0, 3)
        u, v = (x - left) / width * 2 - 1, (y - top) / height * 2 - 1
        norm = (np.maximum(abs(u), abs(v)), np.hypot(u, v), abs(u) + abs(v))[kind]
        image[norm <= 1] = COLORS[kind]
        boxes[row] = [left, top, left + width, top + height]
        classes[row] = kind
    return image, boxes, classes


def dataset():
    images, boxes, classes = map(np.stack, zip(*map(drawn, range(IMAGES)), strict=True))
    return tf.data.Dataset.from_tensor_slices(
        {
            "images": images,
            "gt_boxes": boxes,
            "gt_classes": classes,
            "gt_difficult": np.zeros(classes.shape, bool),
            "image_ids": [f"{number}" for number in range(IMAGES)],
            "image_shapes": np.full((IMAGES, 2), SIDE, "int32"),
            "letterbox": np.tile([1.0, 1.0, 0.0, 0.0], (IMAGES, 1)).astype("float32"),
        }
    )


@pytest.mark.slow
def test_sixteen_images_are_learnt_by_heart(tmp_path):
    small = presets.cpu_scratch().trainer
    config = TrainerConfig(
        model=small.model,
        input=InputConfig(image_size=(SIDE, SIDE), global_batch_size=8),
        optimizer=dataclasses.replace(small.optimizer, ema_momentum=0.95),
        train_steps=STEPS,
        evaluate_every_epochs=1000,
    )
    stream = dataset().shuffle(IMAGES, seed=0).repeat().batch(8)
    data = TrainingData(
        train=stream.skip,
        evaluation=lambda: dataset().batch(8),
        num_train_examples=IMAGES,
        class_names=("box", "disc", "diamond"),
    )
    keras.utils.set_random_seed(0)
    model = build_retinanet(config.model, 3)
    model.compile(optimizer=build_optimizer(config.optimizer, STEPS), jit_compile=False)
    fit(model, config, data, str(tmp_path / "ckpt"), str(tmp_path / "log"))
    summary = evaluate_batches(
        compiled_detector(model), data.evaluation(), data.class_names
    )
    assert summary.metrics["AP50"] >= 0.95
    assert summary.metrics["AP"] >= 0.85
