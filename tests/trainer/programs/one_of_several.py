"""One process of a training on the smallest model; ends as `voc-pipeline train` does.

argv: the task as JSON, a file for the error, the log, and the step at which it kills
itself, or 0. The environment says which process it is; the export is left out. Writes
the weights that it ends with to weights.npz in the task's output.
"""

import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from pipeline.cli import train_process
from pipeline.training import task as tasks
from schemas.config_json import from_json
from trainer import run_fn
from trainer.model.backbones.builders import BACKBONES, Backbone
from trainer.training.callbacks.state import CountSteps

TASK, SAID, LOG, DEATH = *sys.argv[1:4], int(sys.argv[4])


def backbone(weights):
    assert not weights
    image = features = keras.Input((None, None, 3))
    stages = {}
    for level, stride in ((2, 4), (3, 2), (4, 2), (5, 2)):
        conv = keras.layers.Conv2D(8, 3, stride, padding="same", name=f"c{level}")
        features = keras.layers.BatchNormalization(name=f"n{level}")(conv(features))
        stages[f"P{level}"] = features = keras.layers.ReLU()(features)
    return keras.Model(image, stages)


def count_and_die(self, batch, logs=None):
    self.state.step += 1
    if self.state.step == DEATH:
        os.kill(os.getpid(), signal.SIGKILL)


def train_and_keep(*args, **kwargs):
    model = train(*args, **kwargs)
    weights = [keras.ops.convert_to_numpy(v) for v in model.variables]
    folder = Path(from_json(tasks.Task, TASK, "task").output)
    np.savez(folder / "weights.npz", *weights)
    return model


BACKBONES["mini"] = Backbone(backbone)
CountSteps.on_train_batch_end = count_and_die
train, run_fn.train = run_fn.train, train_and_keep
run_fn.export_with_tensorflow = lambda model, size, label_map, folder: os.mkdir(folder)
if "JAX_PROCESS_ID" in os.environ:
    status = train_process._main(TASK, SAID, LOG)
else:
    tasks.do(from_json(tasks.Task, TASK, "task"))
    status = 0
sys.stderr.flush()
os._exit(status)
