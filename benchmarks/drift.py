"""How often does the drift test refuse a span without drift, and one with it?

    .venv/bin/python benchmarks/drift.py VOCdevkit/VOC2007

draws pairs of spans of 40, 200 and 1,000 images from one data set (with replacement, so
that each is an honest draw of one source), and prints the share of pairs that each
measure refuses: with the limits alone, and with what chance may do. Then
the same where the second span has really drifted. TFDV makes the statistics, as in a
run. Without a data set the sample is drawn.
"""

import argparse
import dataclasses
import glob
import tempfile
from collections import Counter

import numpy as np
from tfx import v1 as tfx  # noqa: F401  before TFDV: it completes older releases

from components.data_gate.config import DriftConfig
from components.data_gate.drift import compare
from components.data_gate.profile import profile_of
from components.example_gen.shards.tfrecord import read_records
from pipeline.__main__ import main as voc_pipeline
from pipeline.evaluation.examples import examples_of
from schemas.label_map import LabelMap
from schemas.tf_example import decode_example, encode_example


def with_objects(example, kept):
    return dataclasses.replace(
        example,
        boxes=example.boxes[kept],
        class_names=tuple(np.array(example.class_names, object)[kept]),
        difficult=example.difficult[kept],
        truncated=example.truncated[kept],
        occluded=example.occluded[kept],
        poses=tuple(np.array(example.poses, object)[kept]),
    )


def darker(example, chance, one_class):
    return dataclasses.replace(example, brightness=example.brightness * 0.5)


def every_second_object_unlabelled(example, chance, one_class):
    return with_objects(example, chance.random(len(example.boxes)) < 0.5)


def every_second_object_of_one_class(example, chance, one_class):
    moved = chance.random(len(example.boxes)) < 0.5
    named = zip(example.class_names, moved, strict=True)
    return dataclasses.replace(
        example,
        class_names=tuple(one_class if is_moved else n for n, is_moved in named),
    )


def boxes_of_half_the_side(example, chance, one_class):
    return dataclasses.replace(example, boxes=example.boxes * np.float32(0.5))


DRIFTS = (
    darker,
    every_second_object_unlabelled,
    every_second_object_of_one_class,
    boxes_of_half_the_side,
)


def population(data, work):
    """Every image of a data set, without its bytes, and the classes, rarest last."""
    found = examples_of(data, "", work)
    examples = [
        dataclasses.replace(decode_example(record), encoded_image=b"")
        for file in sorted(glob.glob(found.file_pattern))
        for record in read_records(file)
    ]
    counts = Counter(name for example in examples for name in example.class_names)
    return examples, tuple(name for name, _ in counts.most_common())


def profile(rows):
    from tensorflow_data_validation.statistics import stats_impl
    from tfx_bsl.coders import example_coder

    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(rows)
    return profile_of(stats_impl.generate_statistics_in_memory(batch))


def draw(rows, images, chance):
    return profile([rows[i] for i in chance.integers(0, len(rows), images)])


def shares_refused(now, before, images, pairs, chance):
    """Of pairs of draws, with the limits alone and with chance; by measure with any."""
    over = {"alone": Counter(), "with chance": Counter()}
    for _ in range(pairs):
        drawn = draw(now, images, chance), draw(before, images, chance)
        results = compare(*drawn, DriftConfig())
        for how, hit in (
            ("alone", [r.name for r in results if r.distance > r.limit]),
            ("with chance", [r.name for r in results if r.over]),
        ):
            over[how].update(hit + ["any"] * bool(hit))
    return {
        how: {name: round(count / pairs, 3) for name, count in counter.items()}
        for how, counter in over.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--images", type=int, nargs="+", default=[40, 200, 1000])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--drifted-pairs", type=int, default=20)
    arguments = parser.parse_args()
    chance = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as work:
        data = arguments.data or f"{work}/sample"
        if not arguments.data:
            voc_pipeline(["sample-data", data, "--images", "240", "--quiet"])
        examples, classes = population(data, work)
    labels = LabelMap(classes)

    def written(found):
        return [encode_example(one, labels, with_image=False) for one in found]

    rows = written(examples)
    for images in arguments.images:
        shares = shares_refused(rows, rows, images, arguments.pairs, chance)
        print(f"{images} images, no drift: {shares}", flush=True)
        for drift in DRIFTS:
            drifted = written(drift(one, chance, classes[-1]) for one in examples)
            shares = shares_refused(
                drifted, rows, images, arguments.drifted_pairs, chance
            )
            print(f"{images} images, {drift.__name__}: {shares}", flush=True)


if __name__ == "__main__":
    main()
