"""Synthetic evaluation sets of the size and shape of VOC07 test and COCO val, as JSON.

Class frequencies fall as 1 / rank, box sizes are log-normal, 40 % of the detections lie
near a ground truth of their image, most of them of its class; scores are float32, as a
model gives them. Deterministic by seed.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class SetSize:
    images: int
    classes: int
    ground_truths: int
    detections_per_image: int
    crowd_fraction: float


SIZES = {
    "voc07-test-like": SetSize(4952, 20, 15_000, 100, 0.0),
    "coco-val-like": SetSize(5000, 80, 35_000, 100, 0.012),
}


def make_set(size: SetSize, folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Writes ground_truth.json and detections.json."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, size.classes + 1)
    frequency /= frequency.sum()

    def boxes(count: int) -> np.ndarray:
        sides = np.exp(rng.normal(4, 0.9, (count, 2))).clip(4, 400)
        return np.concatenate([rng.uniform(0, 450, (count, 2)), sides], axis=1)

    gt_image = np.sort(rng.integers(0, size.images, size.ground_truths))
    gt_class = rng.choice(size.classes, size.ground_truths, p=frequency)
    gt_boxes = boxes(size.ground_truths).round(2)
    crowd = rng.random(size.ground_truths) < size.crowd_fraction

    image = np.repeat(np.arange(size.images), size.detections_per_image)
    first = np.searchsorted(gt_image, np.arange(size.images))
    count = np.bincount(gt_image, minlength=size.images)
    near = (rng.random(len(image)) < 0.4) & (count[image] > 0)
    source = first[image] + (rng.random(len(image)) * count[image]).astype(int)
    source = np.where(near, source, 0)
    found = boxes(len(image))
    noise = rng.normal(0, 0.12, found.shape) * np.tile(gt_boxes[source, 2:], 2)
    found = np.where(near[:, None], gt_boxes[source] + noise, found)
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    class_id = rng.choice(size.classes, len(image), p=frequency)
    same = near & (rng.random(len(image)) < 0.85)
    class_id = np.where(same, gt_class[source], class_id)
    score = np.where(near, rng.beta(2, 3, len(image)), rng.beta(0.7, 8, len(image)))

    folder.mkdir(parents=True, exist_ok=True)
    truth = {
        "info": {},
        "licenses": [],
        "images": [
            {
                "id": number + 1,
                "width": 900,
                "height": 900,
                "file_name": f"{number}.jpg",
            }
            for number in range(size.images)
        ],
        "categories": [
            {"id": number + 1, "name": f"class {number + 1}"}
            for number in range(size.classes)
        ],
        "annotations": [
            {
                "id": row + 1,
                "image_id": int(gt_image[row]) + 1,
                "category_id": int(gt_class[row]) + 1,
                "bbox": gt_boxes[row].tolist(),
                "area": float(gt_boxes[row, 2] * gt_boxes[row, 3]),
                "iscrowd": int(crowd[row]),
            }
            for row in range(size.ground_truths)
        ],
    }
    rows = zip(
        (image + 1).tolist(),
        (class_id + 1).tolist(),
        found.round(2).tolist(),
        score.astype(np.float32).tolist(),
        strict=True,
    )
    keys = ("image_id", "category_id", "bbox", "score")
    paths = folder / "ground_truth.json", folder / "detections.json"
    paths[0].write_text(json.dumps(truth))
    paths[1].write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    return paths
