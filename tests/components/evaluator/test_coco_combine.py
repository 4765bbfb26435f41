"""The CombineFn: any sharding and order gives the numbers of one evaluation."""

import pickle

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that

from components.evaluator.coco_combine import CombineScoredImages, ScoredImage
from schemas.boxes import to_xywh
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.summary import coco_summary, summarise

NAMES = ["cat", "dog", "eel"]
NUM_IMAGES = 300  # more than are matched at once


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    made = []
    for number in range(NUM_IMAGES):
        count, found = rng.integers(0, 5), rng.integers(0, 12)
        corner = rng.uniform(0, 100, (count, 2))
        gt_boxes = np.concatenate([corner, corner + rng.uniform(5, 90, (count, 2))], 1)
        gt_classes = rng.integers(0, 3, count)
        source = rng.integers(0, count, found) if count else np.zeros(0, int)
        made.append(
            ScoredImage(
                image_id=f"image-{rng.integers(10**6)}-{number}",
                gt_boxes=gt_boxes,
                gt_classes=gt_classes,
                gt_difficult=rng.random(count) < 0.2,
                boxes=gt_boxes[source] + rng.normal(0, 4, (len(source), 4)),
                classes=gt_classes[source],
                scores=np.round(rng.random(len(source)), 1).astype(np.float32),
            )
        )
    return made


@pytest.fixture(scope="module")
def expected(images):
    def column(name):
        return np.concatenate([getattr(image, name) for image in images])

    def image_column(name):
        sizes = [len(getattr(image, name)) for image in images]
        return np.repeat(np.arange(len(images)), sizes)

    return coco_summary(
        GroundTruths(
            image_column("gt_classes"),
            column("gt_classes"),
            to_xywh(column("gt_boxes")),
            difficult=column("gt_difficult"),
        ),
        Detections(
            image_column("classes"),
            column("classes"),
            to_xywh(column("boxes")),
            column("scores"),
        ),
        image_ids=[image.image_id for image in images],
        class_names=NAMES,
    )


def test_shards_merged_in_any_order_give_the_same_numbers(images, expected):
    combine = CombineScoredImages(num_classes=3)
    rng = np.random.default_rng(0)
    shards = []
    for rows in np.array_split(rng.permutation(NUM_IMAGES), 37):
        shard = combine.create_accumulator()
        for row in rows:
            shard = combine.add_input(shard, images[row])
        shards.append(pickle.loads(pickle.dumps(combine.compact(shard))))
    rng.shuffle(shards)
    parts = [combine.merge_accumulators(shards[i::3]) for i in range(3)]
    images_seen = combine.extract_output(combine.merge_accumulators(parts))
    summary = summarise(images_seen, NAMES)
    assert summary.metrics == expected.metrics
    assert summary.per_class == expected.per_class
    assert summary.num_images == NUM_IMAGES
    assert 0.1 < summary.metrics["AP"] < 0.9  # or the test would show nothing


def test_a_beam_pipeline_gives_the_same_numbers(images, expected):
    def check(outputs):
        (images_seen,) = outputs
        assert summarise(images_seen, NAMES).metrics == expected.metrics

    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline:
        evaluated = (
            pipeline
            | "CreateImages" >> beam.Create(images)
            | "Combine" >> beam.CombineGlobally(CombineScoredImages(num_classes=3))
        )
        assert_that(evaluated, check)


def test_no_images_have_nothing_to_find():
    combine = CombineScoredImages(num_classes=3)
    images_seen = combine.extract_output(combine.create_accumulator())
    assert summarise(images_seen, NAMES).metrics["AP"] == -1


def test_one_image_with_nan_leaves_no_metrics_and_says_which(images, caplog):
    combine = CombineScoredImages(num_classes=3)
    good = next(image for image in images if len(image.scores))
    bad = ScoredImage(
        **{**vars(good), "image_id": "broken", "scores": good.scores * np.nan}
    )
    shards = [
        combine.add_input(combine.create_accumulator(), image) for image in (good, bad)
    ]
    assert combine.extract_output(combine.merge_accumulators(shards)) is None
    assert "detections of 1 images hold NaN or infinity, first 'broken'" in caplog.text


def test_the_accumulator_takes_less_than_a_kilobyte_an_image():
    """100 detections per image: 7 bytes each, and 24 for each that matched."""
    rng = np.random.default_rng(0)
    combine = CombineScoredImages(num_classes=3)
    shard = combine.create_accumulator()
    for number in range(256):
        corner = rng.uniform(0, 400, (100, 2))
        boxes = np.concatenate([corner, corner + 50], axis=1)
        shard = combine.add_input(
            shard,
            ScoredImage(
                image_id=f"{number:06}",
                gt_boxes=boxes[:5],
                gt_classes=np.zeros(5, int),
                gt_difficult=np.zeros(5, bool),
                boxes=boxes,
                classes=rng.integers(0, 3, 100),
                scores=rng.random(100).astype(np.float32),
            ),
        )
    assert len(pickle.dumps(combine.compact(shard))) / 256 < 1000
