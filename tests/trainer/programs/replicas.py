"""Trains on argv[1] virtual CPUs; prints losses, gradient norms and weights as JSON.

KERAS_BACKEND chooses MirroredStrategy (tensorflow) or keras.distribution (jax; there
XLA_FLAGS must give it the devices). Batch norm is as by default; a second argument
leaves each replica its own statistics, and that training is then all there is.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer.config import TrainerConfig
from trainer.features.frozen import kept_features
from trainer.input.config import InputConfig
from trainer.model.config import (
    AnchorConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)
from trainer.model.retinanet import RetinaNet
from trainer.optimizer.build import build_optimizer
from trainer.optimizer.config import OptimizerConfig, PiecewiseSchedule
from trainer.training.fit import TrainingData, fit
from trainer.training.jax_state import bring_variables_up_to_date
from trainer.training.strategy import distribution_scope

REPLICAS, STEPS = int(sys.argv[1]), 20
SYNCHRONIZED = len(sys.argv) < 3
CONFIG = ModelConfig(
    max_level=4,
    pyramid_filters=8,
    pyramid_norm="batch",
    synchronize_batch_norm=SYNCHRONIZED,
    head=HeadConfig(num_convs=1, norm="batch"),
    anchors=AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,)),
    matcher=MatcherConfig(kind="atss"),
    loss=LossConfig(box="giou", box_weight=2.0),
)

OPTIMIZER = OptimizerConfig(
    schedule=PiecewiseSchedule(boundaries=(), rates=(0.02,)),
    clip_global_norm=1.0,
    ema_momentum=0.9,
)


def backbone():
    image = features = keras.Input((None, None, 3))
    stages = {}
    for level, stride in ((3, 8), (4, 2)):
        conv = keras.layers.Conv2D(8, 3, stride, padding="same", name=f"c{level}")
        features = keras.layers.ReLU()(conv(features))
        stages[f"P{level}"] = features
    return keras.Model(image, stages)


def batches():
    random = np.random.default_rng(0)
    low = random.uniform(0, 30, (STEPS, 4, 3, 2))
    boxes = np.concatenate([low, low + random.uniform(8, 32, low.shape)], -1)
    classes = random.integers(0, 2, (STEPS, 4, 3))
    # positives differ between replicas: the first image of each batch has none
    classes[:, 0] = -1
    images = random.integers(0, 256, (STEPS, 4, 64, 64, 3))
    return tf.data.Dataset.from_tensor_slices(
        (
            images.astype("uint8"),
            {
                "gt_boxes": boxes.astype("float32"),
                "gt_classes": classes.astype("int32"),
                "gt_difficult": np.zeros(classes.shape, "int32"),
            },
        )
    )


class Record(keras.callbacks.Callback):
    """Running losses and the gradient norm of every step."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        bring_variables_up_to_date(self.model)
        norm = float(keras.ops.convert_to_numpy(self.model.optimizer.gradient_norm))
        self.steps.append([float(logs["class_loss"]), float(logs["box_loss"]), norm])


def framed(images, truth):
    """A batch as the input pipeline gives it."""
    difficult = tf.cast(truth["gt_difficult"], tf.bool)
    return {
        **truth,
        "images": images,
        "gt_difficult": difficult,
        "image_ids": tf.constant(["a", "b", "c", "d"]),
        "image_shapes": tf.constant([[64, 64]] * 4),
        "letterbox": tf.constant([[1.0, 1.0, 0.0, 0.0]] * 4),
    }


FIT = TrainerConfig(
    model=CONFIG,
    input=InputConfig(image_size=(64, 64), global_batch_size=4, max_boxes=3),
    optimizer=OPTIMIZER,
    train_steps=STEPS + 2,
    evaluate_every_steps=8,
    checkpoint_every_steps=9,
)


def data():
    return TrainingData(
        train=lambda step: batches().map(framed).repeat().skip(step),
        evaluation=lambda: batches().map(framed).take(1),
        num_train_examples=4 * STEPS,
        class_names=("ant", "bee"),
    )


def fit_with_all_callbacks(model, folder):
    """The real `fit`, from the start and again from its checkpoint; what it saved."""
    fit(model, FIT, data(), folder, folder)
    best = keras.ops.convert_to_numpy(model.trainable_variables[0]).tolist()
    fit(model, FIT, data(), folder, folder)
    again = keras.ops.convert_to_numpy(model.trainable_variables[0]).tolist()
    return sorted(path.name for path in Path(folder).glob("step-*")), best == again


def fit_on_kept_features():
    """What pyramid and heads weigh after six steps over a frozen backbone."""
    keras.utils.set_random_seed(0)
    frozen = backbone()
    frozen.trainable = False
    model = RetinaNet(frozen, 2, CONFIG)
    model.build((None, None, None, 3))
    model.compile(optimizer=build_optimizer(OPTIMIZER, 6), jit_compile=on_jax)
    config = dataclasses.replace(FIT, kept_epochs=1, train_steps=6)
    with (
        tempfile.TemporaryDirectory() as folder,
        kept_features(model, config, data(), f"{folder}/features") as fed,
    ):
        (batch,) = fed.train(0).take(1)
        assert "stages" in batch
        fit(model, config, fed, folder, folder)
    weights = map(keras.ops.convert_to_numpy, model.trainable_variables)
    return np.concatenate([each.ravel() for each in weights]).tolist()


tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * REPLICAS,
)
on_jax = keras.backend.backend() == "jax"
many = "data_parallel" if on_jax else "mirrored"
keras.utils.set_random_seed(0)
with distribution_scope(many if REPLICAS > 1 else "cpu"):
    model = RetinaNet(backbone(), 2, CONFIG)
    model.build((None, None, None, 3))
    model.compile(optimizer=build_optimizer(OPTIMIZER, STEPS), jit_compile=on_jax)
    record = Record()
    model.fit(batches(), epochs=1, verbose=0, shuffle=False, callbacks=[record])
    replicas = (
        len(model.trainable_variables[0].value.sharding.device_set)
        if on_jax
        else model.distribute_strategy.num_replicas_in_sync
    )
    weights = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    saved, same, kept = None, None, None
    if REPLICAS <= 2 and SYNCHRONIZED:
        kept = fit_on_kept_features()
    if REPLICAS == 2 and SYNCHRONIZED:  # once is enough
        with tempfile.TemporaryDirectory() as folder:
            saved, same = fit_with_all_callbacks(model, folder)
print(
    json.dumps(
        {
            "replicas": replicas,
            "steps": record.steps,
            "norm": float(np.sqrt(sum((w.astype(float) ** 2).sum() for w in weights))),
            "weights": [weight.ravel().tolist() for weight in weights],
            "saved": saved,
            "same_when_fitted_again": same,
            "kept": kept,
        }
    )
)
