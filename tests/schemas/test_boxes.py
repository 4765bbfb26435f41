import numpy as np
import pytest

from schemas import boxes

BOX = [[10, 20, 40, 60]]  # 30 wide, 40 high


@pytest.mark.parametrize(
    ("to", "back", "expected"),
    [
        (boxes.xyxy_to_xywh, boxes.xywh_to_xyxy, [10, 20, 30, 40]),
        (boxes.xyxy_to_yxyx, boxes.yxyx_to_xyxy, [20, 10, 60, 40]),
        (boxes.xyxy_to_center_xywh, boxes.center_xywh_to_xyxy, [25, 40, 30, 40]),
    ],
)
def test_converters_and_their_inverses(to, back, expected):
    assert to(BOX).tolist() == [expected]
    assert back(to(BOX)).tolist() == BOX
    assert to([]).shape == (0, 4)
    assert back([]).shape == (0, 4)


def test_relative_boxes_divide_x_by_width_and_y_by_height():
    rel = boxes.xyxy_to_rel_xyxy(BOX, height=80, width=100)
    np.testing.assert_allclose(rel, [[0.1, 0.25, 0.4, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(boxes.rel_xyxy_to_xyxy(rel, 80, 100), BOX, rtol=1e-6)


def test_a_box_that_fills_the_image_is_exactly_0_to_1():
    rel = boxes.xyxy_to_rel_xyxy([[0, 0, 333, 77]], height=77, width=333)
    assert rel.tolist() == [[0, 0, 1, 1]]


def test_area_and_clip():
    assert boxes.area_px2(BOX).tolist() == [1200]
    assert boxes.area_px2([[5, 5, 1, 9]]).tolist() == [0]
    outside = [[-5, -5, 20, 20], [90, 70, 200, 200], [300, 300, 400, 400]]
    clipped = boxes.clip(outside, height=80, width=100)
    assert clipped.tolist() == [
        [0, 0, 20, 20],
        [90, 70, 100, 80],
        [100, 80, 100, 80],
    ]


def test_iou_by_hand():
    # overlap 5 x 10 = 50; union 100 + 100 - 50 = 150
    found = boxes.iou_matrix([[0, 0, 10, 10]], [[5, 0, 15, 10], [10, 0, 20, 10]])
    np.testing.assert_allclose(found, [[1 / 3, 0]], rtol=1e-6)


def test_iou_is_symmetric_and_one_on_itself():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (20, 2))
    some = np.concatenate([low, low + rng.uniform(1, 50, (20, 2))], axis=1)
    found = boxes.iou_matrix(some, some)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(np.diag(found), 1, rtol=1e-6)


def test_iou_of_empty_boxes_is_zero_not_nan():
    assert boxes.iou_matrix([[3, 3, 3, 3]], [[3, 3, 3, 3]]).tolist() == [[0]]
    assert boxes.iou_matrix([], BOX).shape == (0, 1)


def test_what_is_not_boxes_is_refused():
    with pytest.raises(ValueError, match=r"boxes must be \[G, 4\], got shape \(3,\)"):
        boxes.as_boxes([1, 2, 3])
