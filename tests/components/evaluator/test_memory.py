"""What the Evaluator's last steps hold of each image is bounded."""

import tracemalloc

import numpy as np
import pytest

from components.evaluator import by_class
from components.evaluator.by_class import summary_of
from components.evaluator.coco_combine import ScoredImage
from components.evaluator.config import SliceFloor
from components.evaluator.image_columns import ImageColumns
from components.evaluator.kept_columns import KeptColumns
from components.evaluator.kept_images import ImageFiles
from components.evaluator.score_thresholds import best_thresholds
from components.evaluator.slices import slice_evidence
from trainer.metrics import bootstrap

IMAGES, PER_FILE = 4000, 500
CLASSES = [f"class {number}" for number in range(20)]


def made(number):
    """An image of 100 detections, 30 of them near its 3 objects."""
    rng = np.random.default_rng(number)
    left_top = rng.uniform(0, 400, (100, 2))
    boxes = np.concatenate([left_top, left_top + rng.uniform(4, 99, (100, 2))], axis=1)
    classes = rng.integers(0, len(CLASSES), 100)
    boxes[3:30], classes[3:30] = np.tile(boxes[:3], (9, 1)), np.tile(classes[:3], 9)
    return ScoredImage(
        image_id=f"{number:06}",
        gt_boxes=boxes[:3].round(2),
        gt_classes=classes[:3],
        gt_difficult=np.zeros(3, bool),
        boxes=(boxes + rng.normal(0, 2, (100, 4))).astype(np.float32),
        classes=classes,
        scores=rng.random(100, np.float32),
        brightness=number % 10 / 10,
        sha256=f"{number:064x}",
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Files with all images, and their names."""
    files = ImageFiles(str(tmp_path_factory.mktemp("images")))
    firsts = range(0, IMAGES, PER_FILE)
    return files, [
        files.keep(ImageColumns.of_images([made(first + i) for i in range(PER_FILE)]))
        for first in firsts
    ]


def peak_per_image(work):
    """Bytes an image at the peak, of what is allocated meanwhile."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / IMAGES
    finally:
        tracemalloc.stop()


def test_images_are_read_in_little_more_than_they_take(kept):
    files, names = kept
    # 100 detections of 25 bytes, and what was read beside what is put in order.
    assert peak_per_image(lambda: files.read(names)) < 8_000


@pytest.fixture
def model(kept, monkeypatch):
    """The images, in four groups of classes: all at once they would be one."""
    monkeypatch.setattr(by_class, "_DETECTIONS_AT_ONCE", 100_000)
    return KeptColumns.of_files(*kept, len(CLASSES))


def test_coco_s_numbers_match_a_group_of_classes_at_a_time(model):
    assert peak_per_image(lambda: summary_of(model, CLASSES, "ignore")) < 4_000


def test_the_thresholds_hold_scores_alone(model):
    peak = peak_per_image(lambda: best_thresholds(model, CLASSES, "ignore", "eval"))
    assert peak < 5_000


def test_the_resamples_match_and_rank_a_group_of_classes_at_a_time(model, monkeypatch):
    monkeypatch.setattr(bootstrap, "_MOST_CELLS", 1 << 16)
    given = {"class_names": CLASSES, "difficult": "ignore"}
    given["weights"] = bootstrap.draw_images(IMAGES, 16, seed=0)
    light = SliceFloor(name="light", brightness=(0, 0.9), min_map=0.1)

    assert peak_per_image(lambda: slice_evidence(light, model, None, **given)) < 5_000
