"""Resampled AP against pycocotools, which is given the drawn images as they are."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from trainer.metrics import bootstrap
from trainer.metrics.bootstrap import (
    draw_images,
    match_for_bootstrap,
    mean_ap,
    resampled_ap,
)
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.protocol import COCO_AREA_RANGES

NUM_IMAGES, NUM_CLASSES = 12, 3


@pytest.fixture(scope="module")
def data():
    """Objects, some difficult, and detections near them; scores of their own each."""
    rng = np.random.default_rng(5)
    image = np.sort(rng.integers(0, NUM_IMAGES - 1, 40))  # the last has no object
    class_id = rng.integers(0, NUM_CLASSES, 40)
    corner, size = rng.integers(0, 60, (40, 2)), rng.integers(10, 40, (40, 2))
    boxes = np.concatenate([corner, size], axis=1).astype(float)
    difficult = rng.random(40) < 0.2
    near = np.repeat(np.arange(40), 2)
    jitter = rng.integers(-4, 5, (80, 4))
    found = boxes[near] + jitter
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    ground_truths = GroundTruths(image, class_id, boxes, difficult=difficult)
    scores = rng.permutation(80) / 81
    scores[[0, 20, 40, 60]] = 0.5  # equal scores, of different images
    assert len(set(image[near][[0, 20, 40, 60]])) == 4
    detections = Detections(image[near], class_id[near], found, scores)
    return ground_truths, detections


def pycocotools_ap(ground_truths, detections, weights, area=0):
    """AP by class, every drawn copy of an image being an image of its own."""
    copies = [(image, copy) for image in range(NUM_IMAGES) for copy in range(99)]
    drawn = [(image, copy) for image, copy in copies if copy < weights[image]]
    annotations = [
        {
            "id": 0,
            "image_id": image * 100 + copy,
            "category_id": int(ground_truths.class_id[row]),
            "bbox": ground_truths.boxes_xywh[row].tolist(),
            "area": float(ground_truths.area_px2[row]),
            "iscrowd": 0,
            "difficult": int(ground_truths.difficult[row]),
        }
        for image, copy in drawn
        for row in np.flatnonzero(ground_truths.image == image)
    ]
    results = [
        {
            "image_id": image * 100 + copy,
            "category_id": int(detections.class_id[row]),
            "bbox": detections.boxes_xywh[row].tolist(),
            "score": float(detections.score[row]),
        }
        for image, copy in drawn
        for row in np.flatnonzero(detections.image == image)
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number

    class IgnoringEval(COCOeval):
        def _prepare(self):
            super()._prepare()
            for group in self._gts.values():
                for ground_truth in group:
                    ground_truth["ignore"] = ground_truth["difficult"]

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": image * 100 + copy} for image, copy in drawn],
            "categories": [{"id": number} for number in range(NUM_CLASSES)],
            "annotations": annotations,
        }
        coco.createIndex()
        evaluation = IgnoringEval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, area, -1]  # [T, R, K]
    by_class = precision.mean(axis=(0, 1))
    return np.where(by_class < 0, np.nan, by_class)


@pytest.mark.parametrize("at_once", [16, 4], ids=["at_once", "in_parts"])
@pytest.mark.parametrize("area", [0, 1, 2], ids=["all", "small", "medium"])
def test_resamples_have_pycocotools_numbers(data, area, at_once, monkeypatch):
    monkeypatch.setattr(bootstrap, "_LEAST_AT_ONCE", at_once)
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 1)
    matched = match_for_bootstrap(
        *data,
        num_images=NUM_IMAGES,
        num_classes=NUM_CLASSES,
        difficult="ignore",
        area_range=COCO_AREA_RANGES[area],
    )
    weights = draw_images(NUM_IMAGES, resamples=6, seed=1)
    weights[0] = 1  # the images as they are
    average = resampled_ap(matched, weights)

    for row, expected_of in zip(average, weights, strict=True):
        expected = pycocotools_ap(*data, expected_of, area)
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-9)
    assert len(set(mean_ap(average).round(6))) == 6  # or nothing was resampled


def test_a_resample_without_a_class_has_no_ap_of_it():
    one = GroundTruths([0, 1], [0, 1], [[0, 0, 9, 9]] * 2)
    found = Detections([0, 1], [0, 1], [[0, 0, 9, 9]] * 2, [0.9, 0.8])
    matched = match_for_bootstrap(one, found, num_images=2, num_classes=2)

    average = resampled_ap(matched, np.array([[2, 0], [1, 1], [0, 2]], np.int32))

    np.testing.assert_allclose(average, [[1, np.nan], [1, 1], [np.nan, 1]])
    np.testing.assert_allclose(mean_ap(average), [1, 1, 1])


def test_no_object_at_all_is_no_number():
    none = GroundTruths([], [], [])
    found = Detections([0], [0], [[0, 0, 9, 9]], [0.9])
    matched = match_for_bootstrap(none, found, num_images=2, num_classes=1)

    assert np.isnan(mean_ap(resampled_ap(matched, np.array([[1, 1]])))).all()


def test_objects_that_nothing_finds_have_an_ap_of_0():
    one = GroundTruths([0], [0], [[0, 0, 9, 9]])
    matched = match_for_bootstrap(
        one, Detections([], [], [], []), num_images=1, num_classes=1
    )

    assert resampled_ap(matched, np.array([[1]])).tolist() == [[0.0]]


def test_every_resample_draws_as_many_images_and_the_seed_decides_which():
    weights = draw_images(50, resamples=200, seed=3)

    assert (weights.sum(axis=1) == 50).all()
    assert (weights == draw_images(50, resamples=200, seed=3)).all()
    assert (weights != draw_images(50, resamples=200, seed=4)).any()
    # An image is left out with probability (1 - 1/50)^50 = .364.
    assert (weights == 0).mean() == pytest.approx(0.364, abs=0.01)
