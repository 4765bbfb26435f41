"""Matched in blocks and groups of classes, numbers are those of all at once."""

import numpy as np
import pytest

from components.evaluator import by_class, image_columns, kept_columns
from components.evaluator.by_class import summary_of
from components.evaluator.coco_combine import ScoredImage
from components.evaluator.config import SliceFloor
from components.evaluator.difference import bootstrap_differences, counted_objects
from components.evaluator.image_columns import ImageColumns
from components.evaluator.kept_columns import KeptColumns
from components.evaluator.kept_images import ImageFiles
from components.evaluator.score_thresholds import best_thresholds
from components.evaluator.slices import slice_evidence
from trainer.metrics.assignment import assign
from trainer.metrics.bootstrap import (
    draw_images,
    match_for_bootstrap,
    mean_ap,
    resampled_ap,
)
from trainer.metrics.score_curves import score_curve
from trainer.metrics.summary import coco_summary

CLASSES = ("cat", "dog", "owl")
IMAGES = 300  # more than a byte counts


def drawn(seed):
    """Objects of one seed for all; boxes found near them, or anywhere, of this one."""
    objects, found = np.random.default_rng(0), np.random.default_rng(seed)

    def image(number):
        count = objects.integers(0, 4)
        boxes = objects.integers(0, 200, (count, 4)).astype(float)
        boxes[:, 2:] = boxes[:, :2] + objects.integers(5, 120, (count, 2))
        classes = objects.integers(0, 3, count)
        difficult = objects.random(count) < 0.2
        near = boxes + found.integers(-9, 10, boxes.shape)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        astray = found.integers(0, 3)
        corner = found.integers(0, 200, (astray, 2)).astype(float)
        return ScoredImage(
            image_id=f"{number:04d}",
            gt_boxes=boxes,
            gt_classes=classes,
            gt_difficult=difficult,
            boxes=np.concatenate([near, np.hstack([corner, corner + 40])]),
            classes=np.concatenate([classes, found.integers(0, 3, astray)]),
            # Tenths: many are equal, in one image and between images.
            scores=np.float32(found.integers(1, 10, count + astray) / 10),
        )

    images = [image(number) for number in range(IMAGES)]
    return ImageColumns.of_images(images)


@pytest.fixture(scope="module")
def whole():
    return [drawn(1), drawn(2)]


@pytest.fixture(params=[(1, 1 << 20), (7, 400), (256, 1), (1000, 1 << 20)])
def as_read(request, whole, monkeypatch):
    """The same, to be matched so many images and detections at a time."""
    images, detections = request.param
    monkeypatch.setattr(image_columns, "IMAGES_AT_ONCE", images)
    monkeypatch.setattr(by_class, "_DETECTIONS_AT_ONCE", detections)
    return [ImageColumns.from_bytes(columns.to_bytes()) for columns in whole]


@pytest.fixture(params=[(1000, 1 << 20), (90, 400), (1, 1)])
def in_files(request, whole, monkeypatch, tmp_path):
    """The same left in files of 37 images each, in no order."""
    images, detections = request.param
    monkeypatch.setattr(kept_columns, "IMAGES_AT_ONCE", images)
    monkeypatch.setattr(by_class, "_DETECTIONS_AT_ONCE", detections)
    files = ImageFiles(str(tmp_path))
    part = np.random.default_rng(5).permutation(IMAGES) // 37
    return [
        KeptColumns.of_files(
            files,
            [files.keep(columns.only(part == number)) for number in set(part)],
            len(CLASSES),
        )
        for columns in whole
    ]


@pytest.mark.parametrize("difficult", ["ignore", "crowd", "plain"])
def test_the_summary(whole, as_read, difficult):
    wanted = coco_summary(
        whole[0].ground_truths(),
        whole[0].detections(),
        image_ids=whole[0].image_ids,
        class_names=CLASSES,
        difficult=difficult,
    )
    found = summary_of(as_read[0], CLASSES, difficult)
    assert found.metrics == wanted.metrics
    assert found.per_class == wanted.per_class
    assert found.num_images == IMAGES


def test_the_resamples(whole, as_read):
    weights = draw_images(IMAGES, 20, seed=3)
    own, served = (
        resampled_ap(
            match_for_bootstrap(
                columns.ground_truths(),
                columns.detections(),
                num_images=IMAGES,
                num_classes=len(CLASSES),
            ),
            weights,
        )
        for columns in whole
    )
    found = bootstrap_differences(
        *as_read, class_names=CLASSES, difficult="ignore", weights=weights
    )
    np.testing.assert_array_equal(found.mean_ap, mean_ap(own) - mean_ap(served))
    for number, name in enumerate(CLASSES):
        change = own[:, number] - served[:, number]
        np.testing.assert_array_equal(found.by_class[name], change)


@pytest.mark.parametrize("difficult", ["ignore", "crowd", "plain"])
def test_the_thresholds(whole, as_read, difficult):
    """As the report's curves have them, of detections assigned one by one."""
    assignment = assign(
        whole[0].ground_truths(),
        whole[0].detections(),
        num_classes=len(CLASSES),
        difficult=difficult,
    )
    curves = [score_curve(assignment, number) for number in (None, 0, 1, 2)]
    overall, *of_classes = [float(curve.score[curve.best()]) for curve in curves]
    found = best_thresholds(as_read[0], CLASSES, difficult, "eval")
    assert found.overall == overall
    assert found.by_class == dict(zip(CLASSES, of_classes, strict=True))


def numbers(candidate, served, difficult):
    """All that is measured."""
    floors = (
        SliceFloor(name="small", object_side=(0, 60), max_drop=0.1),
        SliceFloor(name="dogs", class_name="dog", min_map=0.1),
    )
    given = {"class_names": CLASSES, "difficult": difficult}
    given["weights"] = draw_images(IMAGES, 9, seed=3)
    changes = bootstrap_differences(candidate, served, **given)
    return (
        summary_of(candidate, CLASSES, difficult).per_class,
        best_thresholds(candidate, CLASSES, difficult, "eval"),
        changes.mean_ap.tolist(),
        {name: change.tolist() for name, change in changes.by_class.items()},
        [slice_evidence(floor, candidate, served, **given) for floor in floors],
        counted_objects(candidate, CLASSES, difficult),
    )


@pytest.fixture(params=["ignore", "crowd", "plain"])
def at_once(request, whole):
    """How difficult objects count, and the numbers of one group in one block."""
    return request.param, numbers(*whole, request.param)


def test_from_files_all_is_the_same(at_once, in_files):
    """The order of the files is not that of the images, which ranks equal scores."""
    difficult, wanted = at_once  # before `in_files` made groups small
    assert len(in_files[0].image_ids) == IMAGES
    assert numbers(*in_files, difficult) == wanted
