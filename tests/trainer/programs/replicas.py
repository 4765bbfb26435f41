"""Trains on one virtual CPU and on argv[1] of them, and prints both as JSON.

KERAS_BACKEND chooses MirroredStrategy (tensorflow) or keras.distribution (jax; there
XLA_FLAGS must give it the devices). Printed are losses, gradient norms and weights of
"one" and of "many", and under TensorFlow those of "own", whose replicas have batch-norm
statistics of their own.
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

REPLICAS, STEPS = int(sys.argv[1]), 12
BATCH = 2 * REPLICAS
ON_JAX = keras.backend.backend() == "jax"
MANY = "data_parallel" if ON_JAX else "mirrored"
CONFIG = ModelConfig(
    max_level=4,
    pyramid_filters=8,
    pyramid_norm="batch",
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
    low = random.uniform(0, 30, (STEPS, BATCH, 3, 2))
    boxes = np.concatenate([low, low + random.uniform(8, 32, low.shape)], -1)
    classes = random.integers(0, 2, (STEPS, BATCH, 3))
    # positives differ between replicas: the first has one image without any in each
    # batch, and no other in every second batch
    classes[:, 0] = -1
    classes[::2, 1] = -1
    images = random.integers(0, 256, (STEPS, BATCH, 64, 64, 3))
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
        "image_ids": tf.as_string(tf.range(BATCH)),
        "image_shapes": tf.constant([[64, 64]] * BATCH),
        "letterbox": tf.constant([[1.0, 1.0, 0.0, 0.0]] * BATCH),
    }


FIT = TrainerConfig(
    model=CONFIG,
    input=InputConfig(image_size=(64, 64), global_batch_size=BATCH, max_boxes=3),
    optimizer=OPTIMIZER,
    train_steps=STEPS + 2,
    evaluate_every_steps=8,
    checkpoint_every_steps=9,
)


def data():
    return TrainingData(
        train=lambda step: batches().map(framed).repeat().skip(step),
        evaluation=lambda: batches().map(framed).take(1),
        num_train_examples=BATCH * STEPS,
        class_names=("ant", "bee"),
    )


def built(body, config, steps):
    model = RetinaNet(body, 2, config)
    model.build((None, None, None, 3))
    model.compile(optimizer=build_optimizer(OPTIMIZER, steps), jit_compile=ON_JAX)
    return model


def weights_of(model):
    return [keras.ops.convert_to_numpy(each) for each in model.trainable_variables]


def fit_plainly(config):
    """A model after Keras's own `fit`, and what its steps and weights are."""
    keras.utils.set_random_seed(0)
    model, record = built(backbone(), config, STEPS), Record()
    model.fit(batches(), epochs=1, verbose=0, shuffle=False, callbacks=[record])
    weights = weights_of(model)
    report = {
        "steps": record.steps,
        "norm": float(np.sqrt(sum((w.astype(float) ** 2).sum() for w in weights))),
        "weights": [weight.ravel().tolist() for weight in weights],
    }
    return model, report


def fit_with_all_callbacks(model):
    """The real `fit`, from the start and again from its checkpoint; what it saved."""
    with tempfile.TemporaryDirectory() as folder:
        fit(model, FIT, data(), folder, folder)
        best = weights_of(model)
        fit(model, FIT, data(), folder, folder)
        same = all(map(np.array_equal, weights_of(model), best))
        saved = sorted(path.name for path in Path(folder).glob("step-*"))
    return {"saved": saved, "same_when_fitted_again": same}


def fit_on_kept_features():
    """What pyramid and heads weigh after six steps over a frozen backbone."""
    keras.utils.set_random_seed(0)
    frozen = backbone()
    frozen.trainable = False
    model = built(frozen, CONFIG, 6)
    config = dataclasses.replace(FIT, kept_epochs=1, train_steps=6)
    with (
        tempfile.TemporaryDirectory() as folder,
        kept_features(model, config, data(), f"{folder}/features") as fed,
    ):
        (batch,) = fed.train(0).take(1)
        assert "stages" in batch
        fit(model, config, fed, folder, folder)
    return np.concatenate([each.ravel() for each in weights_of(model)]).tolist()


def replicas_of(model):
    if ON_JAX:
        return len(model.trainable_variables[0].value.sharding.device_set)
    return model.distribute_strategy.num_replicas_in_sync


def main():
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * REPLICAS,
    )
    told = {}
    for name, strategy in (("one", "cpu"), ("many", MANY)):
        with distribution_scope(strategy):
            model, report = fit_plainly(CONFIG)
            report |= {"replicas": replicas_of(model), "kept": fit_on_kept_features()}
            if name == "many":
                report |= fit_with_all_callbacks(model)
        told[name] = report
    if not ON_JAX:
        with distribution_scope(MANY):
            own = dataclasses.replace(CONFIG, synchronize_batch_norm=False)
            told["own"] = fit_plainly(own)[1]
    print(json.dumps(told))


main()
