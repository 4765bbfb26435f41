"""How often does the drift test refuse a span without drift, and one with it?

    .venv/bin/python benchmarks/drift.py VOCdevkit/VOC2007

draws pairs of spans of 40, 200 and 1,000 images from one data set (with replacement, so
that each is an honest draw of one source), and prints the share of pairs that each
measure refuses: with the limits alone, and with what chance may do. Then
the same where the second span has really drifted. TFDV makes the statistics, as in a
run.
"""

import argparse
import dataclasses
import glob
import tempfile

import numpy as np
from tfx import v1 as tfx  # noqa: F401  before TFDV: it completes older releases

from components.data_gate.config import DriftConfig
from components.data_gate.drift import compare
from components.data_gate.profile import profile_of
from components.example_gen.shards.tfrecord import read_records
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


def darker(example, chance):
    return dataclasses.replace(example, brightness=example.brightness * 0.5)


def half_of_the_objects_unlabelled(example, chance):
    return with_objects(example, chance.random(len(example.boxes)) < 0.5)


def boxes_of_half_the_side(example, chance):
    return dataclasses.replace(example, boxes=example.boxes * np.float32(0.5))


def half_of_the_objects_are_of_the_rarest_class(example, chance):
    moved = chance.random(len(example.boxes)) < 0.5
    named = [
        RAREST[0] if is_moved else name
        for name, is_moved in zip(example.class_names, moved, strict=True)
    ]
    return dataclasses.replace(example, class_names=tuple(named))


DRIFTS = {
    "darker by half": darker,
    "every second object unlabelled": half_of_the_objects_unlabelled,
    "boxes of half the side": boxes_of_half_the_side,
    "every second object of one class": half_of_the_objects_are_of_the_rarest_class,
}
RAREST: list[str] = []


def population(data):
    """Every image of a data set, without its bytes."""
    with tempfile.TemporaryDirectory() as work:
        found = examples_of(data, "", work)
        return [
            dataclasses.replace(decode_example(record), encoded_image=b"")
            for file in sorted(glob.glob(found.file_pattern))
            for record in read_records(file)
        ], found.class_names


def profile(rows):
    from tensorflow_data_validation.statistics import stats_impl
    from tfx_bsl.coders import example_coder

    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(rows)
    return profile_of(stats_impl.generate_statistics_in_memory(batch))


def refusals(draw_now, draw_before, pairs):
    """Shares of pairs that are refused: by measure, with limits alone, with chance."""
    alone, with_chance, any_alone, any_chance = {}, {}, 0, 0
    for _ in range(pairs):
        results = compare(profile(draw_now()), profile(draw_before()), DriftConfig())
        for item in results:
            alone[item.name] = alone.get(item.name, 0) + (item.distance > item.limit)
            with_chance[item.name] = with_chance.get(item.name, 0) + item.over
        any_alone += any(item.distance > item.limit for item in results)
        any_chance += any(item.over for item in results)
    return any_alone / pairs, any_chance / pairs, alone, with_chance


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--images", type=int, nargs="+", default=[40, 200, 1000])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--drifted-pairs", type=int, default=50)
    arguments = parser.parse_args()
    examples, names = population(arguments.data)
    counts = [sum(name in e.class_names for e in examples) for name in names]
    RAREST.append(names[int(np.argmin(counts))])
    labels = LabelMap(names)
    chance = np.random.default_rng(0)
    rows = [encode_example(e, labels, with_image=False) for e in examples]
    for size in arguments.images:

        def draw(source=rows, size=size):
            return [source[i] for i in chance.integers(0, len(source), size)]

        alone, with_chance, by_alone, by_chance = refusals(draw, draw, arguments.pairs)
        print(
            f"{size} images, no drift: limits alone {alone:.3f}, now {with_chance:.3f}"
        )
        print(
            f"   limits alone {by_alone}, now {by_chance}, of {arguments.pairs} pairs"
        )
        for name, change in DRIFTS.items():
            spoiled = [
                encode_example(change(e, chance), labels, with_image=False)
                for e in examples
            ]
            alone, with_chance, *_ = refusals(
                lambda spoiled=spoiled, draw=draw: draw(spoiled),
                draw,
                arguments.drifted_pairs,
            )
            print(f"   {name}: limits alone {alone:.2f}, now {with_chance:.2f}")


if __name__ == "__main__":
    main()
