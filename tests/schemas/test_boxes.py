import numpy as np
import pytest

from schemas import boxes

BOX = [[10, 20, 40, 60]]  # 30 wide, 40 high


@pytest.mark.parametrize(
    ("box_format", "box"),
    [
        ("xyxy", [10, 20, 40, 60]),
        ("yxyx", [20, 10, 60, 40]),
        ("xywh", [10, 20, 30, 40]),
        ("center_xywh", [25, 40, 30, 40]),
        ("center_yxhw", [40, 25, 40, 30]),
        ("rel_xyxy", [0.1, 0.25, 0.4, 0.75]),
        ("rel_yxyx", [0.25, 0.1, 0.75, 0.4]),
        ("rel_xywh", [0.1, 0.25, 0.3, 0.5]),
        ("rel_center_xywh", [0.25, 0.5, 0.3, 0.5]),
        ("rel_center_yxhw", [0.5, 0.25, 0.5, 0.3]),
    ],
)
def test_every_format_of_keras_becomes_xywh_pixels(box_format, box):
    found = boxes.to_xywh([box], box_format, image_shape=(80, 100))
    np.testing.assert_allclose(found, [[10, 20, 30, 40]], rtol=1e-12)
    assert found.dtype == np.float64
    assert boxes.to_xywh([], box_format, (80, 100)).shape == (0, 4)


def test_formats_that_cannot_be_read_are_refused():
    with pytest.raises(ValueError, match="no bounding_box_format 'xyhw'; there are:"):
        boxes.to_xywh(BOX, "xyhw")
    with pytest.raises(ValueError, match="rel_xyxy needs image_shape"):
        boxes.to_xywh(BOX, "rel_xyxy")


def test_relative_boxes_divide_x_by_width_and_y_by_height():
    rel = boxes.xyxy_to_rel_xyxy(BOX, height=80, width=100)
    np.testing.assert_allclose(rel, [[0.1, 0.25, 0.4, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(boxes.rel_xyxy_to_xyxy(rel, 80, 100), BOX, rtol=1e-6)


def test_a_box_that_fills_the_image_is_exactly_0_to_1():
    rel = boxes.xyxy_to_rel_xyxy([[0, 0, 333, 77]], height=77, width=333)
    assert rel.tolist() == [[0, 0, 1, 1]]


def pair_ious(first_xywh, second_xywh, limit=1e-9, over_first=()):
    """Every pair's IoU by `PairIou` -> [N, M], 0 where it stays below the limit."""
    first, second = np.array(first_xywh, float), np.array(second_xywh, float)
    over_first = np.array(over_first or [False] * len(second), bool)
    a, b = (index.ravel() for index in np.indices((len(first), len(second))))
    a, b, iou = boxes.PairIou(first, second, over_first).reaching(limit, a, b)
    matrix = np.zeros((len(first), len(second)))
    matrix[a, b] = iou
    return matrix


def test_iou_of_pairs_by_hand():
    # overlap 5 x 10 = 50; union 100 + 100 - 50 = 150; the last touches
    second = [[5, 0, 10, 10], [0, 0, 10, 10], [10, 0, 10, 10]]
    found = pair_ious([[0, 0, 10, 10]], second)
    assert found.tolist() == [[50 / 150, 1, 0]]
    # half of the first box lies in a crowd
    assert pair_ious([[0, 0, 10, 10]], second[:1], over_first=[True]) == 0.5


def test_pairs_below_the_limit_are_left_out_and_those_on_it_stay():
    second = [[5, 0, 10, 10], [6, 0, 10, 10]]
    assert pair_ious([[0, 0, 10, 10]], second, limit=50 / 150).tolist() == [[1 / 3, 0]]


def test_empty_boxes_overlap_nothing():
    assert pair_ious([[3, 3, 0, 0]], [[3, 3, 0, 0], [0, 0, 9, 9]]).max() == 0


def test_what_is_not_boxes_is_refused():
    with pytest.raises(ValueError, match=r"boxes must be \[G, 4\], got shape \(3,\)"):
        boxes.as_boxes([1, 2, 3])
