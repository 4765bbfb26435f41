import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from schemas.detection_example import DetectionExample
from trainer.doctor.round_trip import draw_round_trip, round_trip
from trainer.model.config import AnchorConfig
from trainer.model.targets.anchors import anchors_per_level

BOXES = np.array([[4, 4, 30, 34], [10, 0, 48, 12]], "float32")
ANCHORS = np.concatenate(
    [np.asarray(a) for a in anchors_per_level(64, 64, (3, 4), AnchorConfig())]
)
VARIANCE = (0.1, 0.1, 0.2, 0.2)


@pytest.fixture
def stored():
    """One black image of 48 x 40."""
    image = np.zeros((40, 48, 3), "uint8")
    return DetectionExample(
        image_id="a",
        filename="a.png",
        source_path="a.png",
        encoded_image=tf.io.encode_png(image).numpy(),
        image_format="png",
        width=48,
        height=40,
        sha256="0",
        boxes=BOXES,
        class_names=("bee", "bee"),
        difficult=np.zeros(2, bool),
        truncated=np.zeros(2, bool),
        occluded=np.zeros(2, bool),
        poses=("", ""),
    )


def batch(shift=0.0):
    # 48 x 40 in 64 x 64: scaled by 4/3 to 64 x 53 (53.3 rounded), 5 rows above it
    letterbox = np.array([4 / 3, 53 / 40, 0, 5], "float32")
    boxes = BOXES * np.tile(letterbox[:2], 2) + np.tile(letterbox[2:], 2) + shift
    return {
        "image_ids": np.array([b"a"]),
        "gt_boxes": np.concatenate([boxes, [[-1] * 4]])[None].astype("float32"),
        "gt_classes": np.array([[0, 0, -1]]),
        "letterbox": letterbox[None],
        "image_shapes": np.array([[40, 48]]),
    }


def test_boxes_come_back_where_they_were_stored(stored):
    [returned] = round_trip([stored], [batch()], ANCHORS, VARIANCE)
    np.testing.assert_allclose(returned.boxes, BOXES, atol=1e-3)
    assert returned.error_px < 1e-3


def test_boxes_that_the_pipeline_moved_are_found_out(stored):
    # 4 px of the frame are 3 px of the image in x, and 4 * 40 / 53 = 3.02 in y
    [returned] = round_trip([stored], [batch(shift=-4)], ANCHORS, VARIANCE)
    assert returned.error_px == pytest.approx(3.02, abs=0.01)


def test_an_image_that_the_pipeline_lost_is_infinitely_wrong(stored):
    [returned] = round_trip([stored], [], ANCHORS, VARIANCE)
    assert returned.error_px == float("inf")


def test_the_picture_has_stored_boxes_below_those_that_came_back(stored):
    [returned] = round_trip([stored], [batch(shift=-4)], ANCHORS, VARIANCE)
    with Image.open(io.BytesIO(draw_round_trip([stored], [returned]))) as picture:
        colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert {(0x3C, 0xB4, 0x4B), (0xE6, 0x19, 0x4B)} <= colours
