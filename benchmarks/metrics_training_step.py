"""What does the COCO metric cost a training step, and what its accumulator on Beam?

    python benchmarks/metrics_training_step.py

16 images with 100 detections and 20 ground truths each: one update of
COCOMeanAveragePrecision inside a compiled step, 5,000 images of room, eagerly built but
run as a graph and under XLA; reading the result inside the graph, as Keras does at
every step; and the result outside it, once an epoch. Then 5,000 such images through
the Beam combiner, without reading them: seconds and bytes an image.
"""

import os
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

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


def measure_step() -> None:
    import tensorflow as tf

    from trainer.metrics.keras_metric import COCOMeanAveragePrecision

    truth, found = tf.nest.map_structure(tf.constant, batch(0))
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
        print(f"{how}: update {step:.3f} ms a step of {BATCH} images")
        print(f"{how}: result {milliseconds(read, 200):.3f} ms inside the graph")
        print(f"{how}: a call that does nothing {empty:.3f} ms")
        end = milliseconds(metric.result, 3)
        print(f"{how}: result {end:.0f} ms at the end of an epoch of {IMAGES} images")


def measure_combiner() -> None:
    from components.evaluator.coco_combine import CombineScoredImages, ScoredImage

    images = []
    for number in range(IMAGES // BATCH + 1):
        truth, found = batch(number)
        images += [
            ScoredImage(
                image_id=f"{number:06}-{row:02}",
                gt_boxes=truth["boxes"][row],
                gt_classes=truth["classes"][row],
                gt_difficult=np.zeros(OBJECTS, bool),
                boxes=found["boxes"][row],
                classes=found["classes"][row],
                scores=found["scores"][row],
            )
            for row in range(BATCH)
        ]
    images = images[:IMAGES]
    combine = CombineScoredImages(num_classes=CLASSES)
    start, cpu = time.perf_counter(), time.process_time()
    shards = []
    for first in range(0, IMAGES, 500):
        shard = combine.create_accumulator()
        for image in images[first : first + 500]:
            shard = combine.add_input(shard, image)
        shards.append(pickle.dumps(combine.compact(shard)))
    merged = combine.merge_accumulators(map(pickle.loads, shards))
    combine.extract_output(merged)
    size = sum(map(len, shards)) / IMAGES
    print(
        f"Beam combiner, one thread: {IMAGES} images in "
        f"{time.perf_counter() - start:.2f} s, {time.process_time() - cpu:.2f} s CPU; "
        f"{size:.0f} bytes an image, so {size * 1e6 / 1e9:.2f} GB for a million"
    )


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    measure_combiner()
    measure_step()
