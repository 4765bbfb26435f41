import numpy as np
import pytest

from trainer.evaluation.evaluate import _Columns, evaluate_batches


def batch():
    """One 40 x 20 image, letterboxed by 2 into 80 x 60: padding above and below."""
    return {
        "images": np.zeros((1, 60, 80, 3), np.uint8),
        # scale x, y, offset x, y: y runs from 10 to 50 in the frame.
        "letterbox": np.array([[2, 2, 0, 10]], np.float32),
        "image_shapes": np.array([[20, 40]], np.int32),
        "image_ids": np.array([b"a"]),
        "gt_boxes": np.array([[[0, 10, 40, 30], [0, 0, 0, 0]]], np.float32),
        "gt_classes": np.array([[0, -1]], np.int32),
        "gt_difficult": np.zeros((1, 2), bool),
    }


def finds(*boxes):
    """A detector that gives these boxes of the frame, class 0, score .9."""
    count = len(boxes)
    return lambda images: {
        "boxes": np.array([boxes], np.float32),
        "classes": np.zeros((1, count), np.int32),
        "scores": np.full((1, count), 0.9, np.float32),
    }


def score(*boxes):
    return evaluate_batches(finds(*boxes), [batch()], ["dog"]).metrics["AP"]


def test_the_box_itself_is_found_exactly():
    assert score([0, 10, 40, 30]) == pytest.approx(1, abs=1e-9)


def test_a_box_that_reaches_into_the_padding_is_cut_at_the_image_as_when_served():
    # Uncut, 10 px above the image and 10 px left of it: IoU 800 / 1500. Cut: 1.
    assert score([-10, 0, 40, 30]) == pytest.approx(1, abs=1e-9)


def test_a_box_elsewhere_is_a_miss():
    assert score([40, 30, 80, 50]) == 0


def test_whole_pixels_are_whole_again():
    # 20 px on an image of 1000 x 500, shown at .256: float32 gives 19.999998 or so, and
    # an IoU of just under .5 where it is .5
    given = batch()
    given["letterbox"] = np.array([[0.256, 0.256, 0, 64]], np.float32)
    given["image_shapes"] = np.array([[500, 1000]], np.int32)
    box = np.array([7, 300, 27, 320], np.float32)
    in_frame = box * np.float32(0.256) + np.float32([0, 64, 0, 64])
    given["gt_boxes"] = np.stack([in_frame, np.zeros(4, np.float32)])[None]
    seen = _Columns()
    seen.add(given, finds([0, 0, 1, 1])(given["images"]))
    assert seen.arrays()["truth/boxes"].tolist() == [[7.0, 300.0, 27.0, 320.0]]


def test_parts_that_processes_evaluate_make_the_number_of_the_whole():
    found, missed = batch(), batch() | {"image_ids": np.array([b"b"])}
    missed["gt_boxes"] = missed["gt_boxes"] + np.float32(30)
    detect = finds([0, 10, 40, 30])
    parts = []

    def part_of(*batches):
        with pytest.raises(ValueError, match="nothing to evaluate"):
            evaluate_batches(
                detect, batches, ["dog"], gather=lambda own: parts.append(own) or []
            )

    for batches in ((found,), (), (missed,)):  # one process has no batch
        part_of(*batches)
    whole = evaluate_batches(detect, [found, missed], ["dog"])
    joined = evaluate_batches(detect, [], ["dog"], gather=lambda own: parts)
    np.testing.assert_equal(joined.metrics, whole.metrics)
    np.testing.assert_equal(joined.per_class, whole.per_class)
    # two objects, two detections of one score, one of which is right, in whatever order
    assert 0 < whole.metrics["AP"] < 1
