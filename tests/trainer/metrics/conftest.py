"""Random small cases, and pycocotools as the oracle."""

import contextlib
import dataclasses
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from trainer.metrics.box_columns import Detections, GroundTruths


@dataclasses.dataclass
class Case:
    ground_truths: GroundTruths
    detections: Detections
    image_ids: list[int]
    num_classes: int


class DifficultEval(COCOeval):
    """Stock pycocotools overwrites `ignore` with `iscrowd`; this one honours it."""

    def _prepare(self):
        super()._prepare()
        for ground_truths in self._gts.values():
            for ground_truth in ground_truths:
                ignored = ground_truth["iscrowd"] or ground_truth["left_out"]
                ground_truth["ignore"] = int(ignored)


def _boxes(rng, count, *, whole):
    size = rng.choice([20, 60, 150])
    boxes = np.concatenate(
        [rng.uniform(0, 60, (count, 2)), rng.uniform(0, size, (count, 2))], axis=1
    )
    # Whole numbers on a coarse grid: zero areas and equal IoUs come by themselves.
    return np.round(boxes / rng.choice([1, 4])) if whole else boxes


def random_case(seed):
    """Up to 6 images and 3 classes: some empty; ties in score and IoU; up to 150 boxes.

    Ids are in no order, ground truths and detections of the images are mixed; some are
    crowds, some difficult; some areas are not w * h; one case in 12 has more detections
    of one class in one image than count.
    """
    rng = np.random.default_rng(seed)
    crowded = seed % 12 == 0
    images = 1 if crowded else rng.integers(1, 7)
    classes = 1 if crowded else rng.integers(1, 4)
    count = rng.integers(0, 20)
    found = 150 if crowded else rng.choice([0, 3, 30, 90])
    whole = rng.random() < 0.5
    gt_boxes, boxes = (_boxes(rng, n, whole=whole) for n in (count, found))
    gt_image, gt_class = rng.integers(0, images, count), rng.integers(0, classes, count)
    image, class_id = rng.integers(0, images, found), rng.integers(0, classes, found)
    if count:
        near = rng.random(found) < 0.6
        source = rng.integers(0, count, found)[near]
        noise = rng.normal(0, 2, (len(source), 4))
        boxes[near] = gt_boxes[source] + (np.round(noise) if whole else noise)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 0)
        image[near], class_id[near] = gt_image[source], gt_class[source]
    scores = np.round(rng.random(found), rng.choice([1, 2, 7]))
    return Case(
        GroundTruths(
            gt_image,
            gt_class,
            gt_boxes,
            gt_boxes[:, 2] * gt_boxes[:, 3] * rng.choice([0.5, 1], count),
            rng.random(count) < 0.2,
            rng.random(count) < 0.2,
        ),
        Detections(
            image,
            class_id,
            boxes,
            scores.astype(np.float32) if rng.random() < 0.5 else scores,
        ),
        rng.permutation(1000)[:images].tolist(),
        int(classes),
    )


def _dataset(case, annotations):
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": image_id} for image_id in case.image_ids],
        "categories": [{"id": number} for number in range(case.num_classes)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


def _annotations(case, difficult):
    truth = case.ground_truths
    return [
        {
            "id": row + 1,
            "image_id": case.image_ids[truth.image[row]],
            "category_id": int(truth.class_id[row]),
            "bbox": truth.boxes_xywh[row].tolist(),
            "area": float(truth.area_px2[row]),
            "iscrowd": int(
                truth.crowd[row] or (difficult == "crowd" and truth.difficult[row])
            ),
            "left_out": int(difficult == "ignore" and truth.difficult[row]),
        }
        for row in range(len(truth))
    ]


def _results(case):
    found = case.detections
    return [
        {
            "image_id": case.image_ids[found.image[row]],
            "category_id": int(found.class_id[row]),
            "bbox": found.boxes_xywh[row].tolist(),
            "score": float(found.score[row]),
        }
        for row in range(len(found))
    ]


def pycocotools_evaluation(case, difficult, change_params=None):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _dataset(case, _annotations(case, difficult))
        results = _results(case)  # loadRes cannot read an empty list
        found = truth.loadRes(results) if results else _dataset(case, [])
        evaluation = DifficultEval(truth, found, "bbox")
        if change_params:
            change_params(evaluation.params)
        evaluation.evaluate()
        evaluation.accumulate()
        if not change_params:
            evaluation.summarize()
    return evaluation


@pytest.fixture(scope="session")
def make_case():
    return random_case


@pytest.fixture(scope="session")
def oracle():
    return pycocotools_evaluation
