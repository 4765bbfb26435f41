"""Findings made by hand: a few images, or as many as a real split has."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

NAMES = ('<b>&"', "dog")
LEFT, RIGHT, FAR = [0, 0, 20, 30], [20, 0, 40, 30], [0, 32, 8, 40]


def scored_image(image_id, objects, found, difficult=()):
    """objects: (class, box); found: (class, box, score)."""
    from components.evaluator.coco_combine import ScoredImage

    def column(rows, place, shape=()):
        return np.array([row[place] for row in rows]).reshape(-1, *shape)

    return ScoredImage(
        image_id=image_id,
        gt_boxes=column(objects, 1, (4,)),
        gt_classes=column(objects, 0),
        gt_difficult=np.array([n in difficult for n in range(len(objects))], bool),
        boxes=column(found, 1, (4,)),
        classes=column(found, 0),
        scores=column(found, 2),
    )


IMAGES = (
    scored_image("a", [(0, LEFT), (1, RIGHT)], [(0, LEFT, 0.9), (1, RIGHT, 0.4)]),
    scored_image("b", [(0, LEFT)], [(1, LEFT, 0.8), (0, FAR, 0.7), (0, FAR, 0.1)]),
    scored_image("c", [(1, LEFT)], [(1, LEFT, 0.6), (1, LEFT, 0.5)], difficult=(0,)),
    scored_image("d", [], []),
)
VERDICT = {
    "blessed": False,
    "reasons": ["mAP 0.5 is below the threshold 0.6"],
    "split": "test",
    "outcomes": [
        {"rule": "mAP", "passed": False, "reason": "too low", "value": "0.5"}
        | {"bound": "0.6", "name": ""},
        {"rule": "AP50", "passed": True, "reason": "fine", "value": "0.7"}
        | {"bound": "0.6", "name": ""},
    ],
}


def jpeg_uri(seed=0, side=8):
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def measured(columns, names):
    from trainer.metrics.summary import coco_summary

    summary = coco_summary(
        columns.ground_truths(),
        columns.detections(),
        image_ids=columns.image_ids,
        class_names=names,
    )
    by_class = {
        f"{metric}/{name}": values[metric]
        for name, values in summary.per_class.items()
        for metric in ("AP", "AP50")
    }
    return {
        name: None if value < 0 else value
        for name, value in {**summary.metrics, **by_class}.items()
    }


@pytest.fixture(scope="module")
def make_image():
    return scored_image


@pytest.fixture(scope="module")
def make_findings():
    """Findings about images; the served model is the candidate, unless it is left."""
    from components.evaluator.image_columns import ImageColumns
    from components.report.findings import CANDIDATE, SERVED, Findings

    def make(images=IMAGES, names=NAMES, served=True, **changes):
        columns = {CANDIDATE: ImageColumns.of_images(images)}
        if served:
            columns[SERVED] = columns[CANDIDATE]
        metrics = {model: measured(found, names) for model, found in columns.items()}
        values = {
            "title": "run <1>",
            "class_names": names,
            "difficult": "ignore",
            "split": "test",
            "metrics": {"test": metrics},
            "columns": columns,
            "thresholds": {"split": "eval", "overall": 0.5, "by_class": {}},
            "verdict": VERDICT,
            "serving": {"problems": [], "ms_per_image": 12.5},
            "history": [
                {"step": 1, "epoch": 1, "loss": 2.0, "mAP": 0.2, "AP50": 0.3},
                {"step": 2, "epoch": 2, "loss": 1.0, "mAP": 0.4, "AP50": 0.5},
                {"step": 3, "epoch": 3, "loss": 0.9},
            ],
            "facts": {"data": "a & b", "seed": "0"},
        }
        return Findings(**values | changes)

    return make


@pytest.fixture(scope="module")
def split_images():
    """What a page shows of images: facts of all, a picture of some."""
    from components.report.findings import ImageFacts
    from components.report.pictures import SplitImages

    def make(ids, with_picture=(), picture=None):
        facts = {
            image_id: ImageFacts(f"{image_id}.jpg", 40, 40 + number, number / 10)
            for number, image_id in enumerate(ids)
        }
        drawn = picture or jpeg_uri()
        return SplitImages(facts, dict.fromkeys(with_picture, drawn))

    return make
