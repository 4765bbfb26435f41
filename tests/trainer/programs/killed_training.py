"""Trains to the end through SIGKILL after SIGKILL; prints what came out as JSON.

argv: an empty folder. Runs one training undisturbed and others in child processes that
die at their n-th file operation on the checkpoints, or a while after one, and are
started again until they end. The model is tiny, keeps an average and is eager.
"""

import hashlib
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer.config import TrainerConfig
from trainer.input.config import InputConfig
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    MatcherConfig,
    ModelConfig,
)
from trainer.model.retinanet import RetinaNet
from trainer.optimizer.build import build_optimizer
from trainer.optimizer.config import CosineSchedule, OptimizerConfig
from trainer.training.fit import TrainingData, fit

ROOT = Path(sys.argv[1])
STEPS = 12
CONFIG = TrainerConfig(
    model=ModelConfig(
        min_level=3,
        max_level=4,
        pyramid_filters=8,
        pyramid_norm="batch",
        head=HeadConfig(num_convs=1, norm="batch", prior=0.3),
        anchors=AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,)),
        matcher=MatcherConfig(kind="atss"),
        decoding=DecodingConfig(pre_nms_top_k=50, max_detections=20),
    ),
    input=InputConfig(image_size=(32, 32), global_batch_size=2),
    optimizer=OptimizerConfig(
        kind="adamw",
        schedule=CosineSchedule(peak=1e-2, warmup_steps=2),
        ema_momentum=0.5,
    ),
    train_steps=STEPS,
    checkpoint_every_steps=2,
)


def backbone():
    image = features = keras.Input((None, None, 3))
    stages = {}
    for level, stride in ((3, 8), (4, 2)):
        conv = keras.layers.Conv2D(8, 3, stride, padding="same", name=f"c{level}")
        features = keras.layers.BatchNormalization(name=f"n{level}")(conv(features))
        stages[f"P{level}"] = features
    return keras.Model(image, stages)


def batch_of_step(step):
    seed = tf.stack([tf.cast(step, tf.int32), 1])
    noise = tf.random.stateless_uniform((2, 32, 32, 3), seed, 0, 256, tf.int32)
    return {
        "images": tf.cast(noise, tf.uint8),
        "gt_boxes": tf.constant([[[4.0, 4.0, 24.0, 28.0], [-1.0] * 4]] * 2),
        "gt_classes": tf.constant([[1, -1]] * 2),
        "gt_difficult": tf.zeros((2, 2), tf.bool),
        "image_ids": tf.constant(["first", "second"]),
        "image_shapes": tf.constant([[32, 32]] * 2),
        "letterbox": tf.constant([[1.0, 1.0, 0.0, 0.0]] * 2),
    }


def train(folder, seed):
    """Writes a digest of all values that the training ends with."""
    keras.utils.set_random_seed(seed)
    model = RetinaNet(backbone(), 2, CONFIG.model)
    model.build((None, None, None, 3))
    model.compile(optimizer=build_optimizer(CONFIG.optimizer, STEPS), run_eagerly=True)
    data = TrainingData(
        train=lambda step: tf.data.Dataset.range(step, step + 1000).map(batch_of_step),
        evaluation=lambda: tf.data.Dataset.range(900, 901).map(batch_of_step),
        num_train_examples=6,  # three steps an epoch
        class_names=("ant", "bee"),
    )
    fit(model, CONFIG, data, str(folder), str(folder / "log"))
    values = [*model.variables, *model.optimizer.variables]
    digest = hashlib.sha256()
    for value in values:
        digest.update(np.ascontiguousarray(value).tobytes())
    (folder / "digest").write_text(digest.hexdigest())


def die_at(operation, folder):
    """SIGKILL at the n-th file operation on the checkpoints."""
    counted = itertools.count(1)
    watched = ("open", "os.mkdir", "os.rename", "os.rmdir")

    def count(event, arguments):
        ours = event in watched and f"{folder}/" in str(arguments[:1])
        if ours and next(counted) == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def kill(process, folder, step, delay_s):
    """SIGKILL so long after the checkpoint of that step, or a later one."""
    while not any(int(path.name[5:]) >= step for path in folder.glob("step-*")):
        time.sleep(0.005)
    time.sleep(delay_s)
    os.kill(process, signal.SIGKILL)


def child(folder, seed, operation=0, after=()):
    """Train in a process of its own; whether it came to the end."""
    process = os.fork()
    if process == 0:
        if operation:
            die_at(operation, folder)
        train(folder, seed)
        os._exit(0)
    if after:
        kill(process, folder, *after)
    _, status = os.waitpid(process, 0)
    assert status in (0, signal.SIGKILL), status
    return status == 0


def to_the_end(name, deaths):
    """Digest of a training that died in these ways; what it was found with."""
    folder, found = ROOT / name, []
    (folder / "log").mkdir(parents=True)
    # other seeds: all that counts comes from the checkpoint
    for seed, death in enumerate([*deaths, {}]):
        if child(folder, seed, **death):
            return {"digest": (folder / "digest").read_text(), "found": found}
        found.append(max(int(path.name[5:]) for path in folder.glob("step-*")))
    raise AssertionError(found)


trainings = {
    "undisturbed": to_the_end("undisturbed", []),
    "in_writing": to_the_end("in_writing", [{"operation": n} for n in (7, 16, 25)]),
    "between": to_the_end(
        "between", [{"after": at} for at in ((2, 0.05), (4, 0.0), (8, 0.2))]
    ),
}
sys.stdout.write(json.dumps(trainings) + "\n")
