"""Trains on argv[1] virtual CPUs; prints losses and a digest of weights as JSON.

Batch norm is as by default; a second argument leaves each replica its own statistics.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from trainer.model.config import (
    AnchorConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)
from trainer.model.retinanet import RetinaNet
from trainer.optimizer import build_optimizer
from trainer.optimizer_config import OptimizerConfig, PiecewiseSchedule
from trainer.strategy import distribution_scope

REPLICAS, STEPS = int(sys.argv[1]), 20
CONFIG = ModelConfig(
    max_level=4,
    pyramid_filters=8,
    pyramid_norm="batch",
    synchronize_batch_norm=len(sys.argv) < 3,
    head=HeadConfig(num_convs=1, norm="batch"),
    anchors=AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,)),
    matcher=MatcherConfig(kind="atss"),
    loss=LossConfig(box="giou", box_weight=2.0),
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


tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * REPLICAS,
)
keras.utils.set_random_seed(0)
with distribution_scope("mirrored" if REPLICAS > 1 else "cpu"):
    model = RetinaNet(backbone(), 2, CONFIG)
    model.build((None, None, None, 3))
    schedule = PiecewiseSchedule(boundaries=(), rates=(0.02,))
    config = OptimizerConfig(schedule=schedule, clip_global_norm=1.0)
    model.compile(optimizer=build_optimizer(config, STEPS), jit_compile=False)
    history = model.fit(batches(), epochs=1, verbose=0, shuffle=False)
weights = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
print(
    json.dumps(
        {
            "replicas": model.distribute_strategy.num_replicas_in_sync,
            "losses": {name: values[-1] for name, values in history.history.items()},
            "norm": float(np.sqrt(sum((w.astype(float) ** 2).sum() for w in weights))),
            "probe": weights[0].ravel()[:50].tolist(),
        }
    )
)
