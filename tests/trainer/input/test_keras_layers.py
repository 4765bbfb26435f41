"""Which Keras layers may be trusted with boxes; a failing test here is good news.

Each layer runs inside tf.data on square and non-square images, batched and not. Those
known to be wrong are strict xfails: when Keras mends one, its test fails, and our own
operation may give way to it (docs/augmentation.md lists the measurements).
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow

FORMAT = {"bounding_box_format": "xyxy", "seed": 1}
REPEATS = 8


def _layer(name, size):
    height, width = size
    kinds = keras.layers
    fill = {"fill_mode": "constant", **FORMAT}
    makers = {
        "RandomFlip": lambda: kinds.RandomFlip("horizontal", **FORMAT),
        "RandomTranslation": lambda: kinds.RandomTranslation(0.15, 0.15, **fill),
        "RandomZoom": lambda: kinds.RandomZoom((-0.3, 0.3), **fill),
        "RandomRotation": lambda: kinds.RandomRotation(0.08, **fill),
        "RandomPerspective": lambda: kinds.RandomPerspective(1.0, 0.2, **FORMAT),
        "RandomBrightness": lambda: kinds.RandomBrightness(0.2, **FORMAT),
        "RandomColorJitter": lambda: kinds.RandomColorJitter(
            (0, 255), 0.1, 0.1, 0.1, 0.05, **FORMAT
        ),
        "RandomShear": lambda: kinds.RandomShear(0.3, 0.3, **fill),
        "RandomCrop": lambda: kinds.RandomCrop(
            height * 3 // 4, width * 3 // 4, **FORMAT
        ),
        "RandomElasticTransform": lambda: kinds.RandomElasticTransform(1.0, **FORMAT),
        "RandomGrayscale": lambda: kinds.RandomGrayscale(1.0, **FORMAT),
        "MixUp": lambda: kinds.MixUp(**FORMAT),
        "CutMix": lambda: kinds.CutMix(**FORMAT),
        "AugMix": lambda: kinds.AugMix(**FORMAT),
        "RandAugment": lambda: kinds.RandAugment(**FORMAT),
    }
    return makers[name]()


def _worst_iou(name, size, batched, draw, box_of, iou_of):
    height, width = size
    x0, y0 = width // 4, height // 3
    box = (x0, y0, x0 + width * 2 // 5, y0 + height * 2 // 5)
    frames = draw(size, [box] * 3, [(255, 255, 255)] * 3)
    labels = tf.where(frames["gt_classes"] >= 0, 0, -1)
    batch = {
        "images": tf.cast(frames["images"], tf.float32),
        "bounding_boxes": {"boxes": frames["gt_boxes"], "labels": labels},
    }
    examples = tf.data.Dataset.from_tensors(batch).repeat(REPEATS)
    if not batched:
        examples = examples.unbatch()
    layer = _layer(name, size)
    results = examples.map(lambda example: layer(example, training=True))
    if batched:
        results = results.unbatch()
    worst = 1.0
    for result in results:
        found = box_of(result["images"].numpy().max(-1) > 160)
        if np.prod(found[2:] - found[:2]) < 50:
            continue
        truth = result["bounding_boxes"]
        real = truth["labels"].numpy() >= 0
        ious = [iou_of(found, one) for one in truth["boxes"].numpy()[real]]
        worst = min(worst, max(ious, default=0.0))
    return worst


@pytest.mark.parametrize(
    "name",
    [
        "RandomFlip",
        "RandomTranslation",
        "RandomZoom",
        "RandomRotation",
        "RandomPerspective",
        "RandomBrightness",
        "RandomColorJitter",
        *(
            pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=reason))
            for name, reason in {
                "RandomShear": "moves boxes by another factor than pixels",
                "RandomCrop": "boxes neither follow the crop nor its scale",
                "RandomElasticTransform": "does not implement boxes",
                "RandomGrayscale": "takes no dict",
                "MixUp": "converts a symbolic tensor to NumPy",
                "CutMix": "does not implement boxes",
                "AugMix": "moves pixels but not boxes",
                "RandAugment": "draws RandomShear among others",
            }.items()
        ),
    ],
)
def test_keras_layer_moves_its_box_with_its_pixels(name, frames_of, box_of, iou_of):
    measured = {
        (size, batched): _worst_iou(name, size, batched, frames_of, box_of, iou_of)
        for size in ((96, 96), (64, 128))
        for batched in (False, True)
    }
    # with -s: the rows of the table in docs/augmentation.md
    print(name, {key: round(float(iou), 2) for key, iou in measured.items()})
    assert min(measured.values()) >= 0.9, measured
