"""What does the COCO metric cost on Beam, and how large is its accumulator?

    python benchmarks/metrics_beam.py [--images 5000] [--workers 2] [--rounds 3]

Images with 100 detections and 20 ground truths each lie pickled in files; Beam's local
runner with worker processes reads them, once to count them and once through the
combiner of the Evaluator. The difference is what the metric costs beyond reading. Then
bytes per image in the accumulator, where every detection matches something and where
none does, and from that the size for a million.
"""

import argparse
import os
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions

REPOSITORY = str(Path(__file__).resolve().parents[1])
sys.path.insert(0, REPOSITORY)

from components.evaluator.coco_combine import (  # noqa: E402
    CombineScoredImages,
    ScoredImage,
)

DETECTIONS, OBJECTS, CLASSES, IMAGES_A_FILE = 100, 20, 20, 250


def scored_image(number: int, *, matching: bool = True) -> ScoredImage:
    rng = np.random.default_rng(number)
    corner = rng.uniform(0, 400, (OBJECTS, 2))
    truth = np.concatenate([corner, corner + rng.uniform(10, 110, corner.shape)], -1)
    gt_classes = rng.integers(0, CLASSES, OBJECTS)
    source = rng.integers(0, OBJECTS, DETECTIONS)
    found = truth[source] + rng.normal(0, 9, (DETECTIONS, 4))
    return ScoredImage(
        image_id=f"{number:08}",
        gt_boxes=truth.astype(np.float32),
        gt_classes=gt_classes,
        gt_difficult=np.zeros(OBJECTS, bool),
        boxes=(found if matching else found + 1e4).astype(np.float32),
        classes=gt_classes[source],
        scores=rng.random(DETECTIONS).astype(np.float32),
    )


def read(path: str) -> Iterator[ScoredImage]:
    yield from pickle.loads(Path(path).read_bytes())


def seconds(paths: list[str], workers: int, combine: beam.CombineFn) -> float:
    options = PipelineOptions(
        [],  # not this program's arguments
        runner="FnApiRunner",
        direct_running_mode="multi_processing",
        direct_num_workers=workers,
    )
    started = time.perf_counter()
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | beam.Create(paths)
            | beam.Reshuffle()
            | beam.FlatMap(read)
            | beam.CombineGlobally(combine)
        )
    return time.perf_counter() - started


def accumulator_bytes(*, matching: bool, images: int = 1000) -> float:
    combine = CombineScoredImages(num_classes=CLASSES)
    shard = combine.create_accumulator()
    for number in range(images):
        shard = combine.add_input(shard, scored_image(number, matching=matching))
    return len(pickle.dumps(combine.compact(shard))) / images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = REPOSITORY  # for Beam's worker processes
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for first in range(0, arguments.images, IMAGES_A_FILE):
            numbers = range(first, min(first + IMAGES_A_FILE, arguments.images))
            path = Path(folder) / f"{first:08}.pickle"
            path.write_bytes(pickle.dumps([scored_image(n) for n in numbers]))
            paths.append(str(path))
        sides = {
            "reading": beam.combiners.CountCombineFn(),
            "reading and the metric": CombineScoredImages(num_classes=CLASSES),
        }
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(arguments.rounds):
            for side, combine in sides.items():
                taken[side].append(seconds(paths, arguments.workers, combine))
    medians = {side: statistics.median(times) for side, times in taken.items()}
    for side, median in medians.items():
        low, high = min(taken[side]), max(taken[side])
        print(f"{side}: {median:.2f} s ({low:.2f} to {high:.2f})")
    beyond = medians["reading and the metric"] - medians["reading"]
    print(
        f"beyond reading: {beyond:.2f} s for {arguments.images} images, "
        f"{arguments.workers} workers"
    )
    for matching, which in ((True, "all 100 detections matching"), (False, "none")):
        size = accumulator_bytes(matching=matching)
        print(f"{which}: {size:.0f} bytes per image, {size / 1000:.2f} GB per million")


if __name__ == "__main__":
    main()
