"""What does the COCO metric cost a training step?

    python benchmarks/metrics_training_step.py

16 images with 100 detections and 20 ground truths each: one update of
COCOMeanAveragePrecision inside a compiled step, 5,000 images of room, eagerly built but
run as a graph and under XLA; reading the result inside the graph, as Keras does at
every step; and the result outside it, once per epoch. Beside them, in the same process,
a training step of our RetinaNet with ResNet50 on images of 512 pixels, of which update
and result are a share: 2 images per step, counted eight times for 16, since 16 do not
fit everywhere.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from train_step_sides import build_ours  # noqa: E402

STEP_BATCH = 2
BATCH, DETECTIONS, OBJECTS, CLASSES, IMAGES = 16, 100, 20, 20, 5000


def batch(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 400, (BATCH, OBJECTS, 2))
    truth = np.concatenate([corner, corner + rng.uniform(10, 110, corner.shape)], -1)
    gt_classes = rng.integers(0, CLASSES, (BATCH, OBJECTS))
    source = rng.integers(0, OBJECTS, (BATCH, DETECTIONS))
    rows = np.arange(BATCH)[:, None]
    found = truth[rows, source] + rng.normal(0, 9, (BATCH, DETECTIONS, 4))
    return (
        {"boxes": truth.astype(np.float32), "classes": gt_classes.astype(np.int32)},
        {
            "boxes": found.astype(np.float32),
            "classes": gt_classes[rows, source].astype(np.int32),
            "scores": rng.random(source.shape).astype(np.float32),
        },
    )


def milliseconds(call: Callable[..., Any], repeats: int, *arguments: Any) -> float:
    """Median, so that other programs on the machine count for little."""
    call(*arguments)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call(*arguments)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def measure_metric() -> dict[str, float]:
    """Milliseconds of update and result in a step of 16 images, as graph and by XLA."""
    import tensorflow as tf

    from trainer.metrics.keras_metric import COCOMeanAveragePrecision

    truth, found = tf.nest.map_structure(tf.constant, batch(0))
    spent = {}
    for jit_compile in (False, True):
        metric = COCOMeanAveragePrecision(
            range(CLASSES), "xyxy", max_images=IMAGES, ground_truths_per_image=OBJECTS
        )
        update = tf.function(metric.update_state, jit_compile=jit_compile)
        read = tf.function(metric.result, jit_compile=jit_compile)
        nothing = tf.function(lambda: tf.constant(0.0), jit_compile=jit_compile)
        how = "XLA" if jit_compile else "graph"
        empty = milliseconds(nothing, 200)
        step = milliseconds(update, IMAGES // BATCH - 1, truth, found)
        print(f"{how}: update {step:.3f} ms per step of {BATCH} images")
        reading = milliseconds(read, 200)
        print(f"{how}: result {reading:.3f} ms inside the graph")
        print(f"{how}: a call that does nothing {empty:.3f} ms")
        end = milliseconds(metric.result, 3)
        print(f"{how}: result {end:.0f} ms at the end of an epoch of {IMAGES} images")
        spent[how] = step + reading
    return spent


def measure_training_step() -> float:
    """Milliseconds for 16 images, from steps of 2."""
    import tensorflow as tf

    arguments = argparse.Namespace(
        backbone="resnet50", size=512, batch=STEP_BATCH, frozen=False
    )
    model, batch_of_step = build_ours(arguments)
    model.make_train_function()
    data = iter(tf.data.Dataset.from_tensors(batch_of_step).repeat())
    step = milliseconds(lambda: float(model.train_function(data)["loss"]), 5)
    print(f"ResNet50, 512 px: {step:.0f} ms a training step of {STEP_BATCH} images")
    return step * BATCH / STEP_BATCH


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    spent = measure_metric()
    step = measure_training_step()
    for how, cost in spent.items():
        share = 100 * cost / step
        print(
            f"{how}: {cost:.2f} ms of {step:.0f} ms for {BATCH} images: {share:.3f} %"
        )
