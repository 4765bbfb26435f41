import keras
import numpy as np

from schemas import boxes, single_box, tensor_boxes
from schemas.tensor_boxes import iou_matrix, paired_iou


def test_iou_by_hand():
    a = np.array([[0, 0, 2, 2], [0, 0, 1, 1]], "float32")
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]], "float32")
    # 1 / (4 + 4 - 1), same box, apart; touching corner, 1 / 4, apart
    expected = [[1 / 7, 1.0, 0.0], [0.0, 0.25, 0.0]]
    np.testing.assert_allclose(np.asarray(iou_matrix(a, b)), expected, atol=1e-6)


def test_empty_boxes_overlap_nothing():
    empty = np.array([[1, 1, 1, 1], [-1, -1, -1, -1]], "float32")
    assert np.asarray(iou_matrix(empty, empty)).max() == 0.0


def test_iou_is_symmetric_and_agrees_with_pairs():
    random = np.random.default_rng(1)
    low = random.uniform(0, 50, (40, 2))
    boxes = np.concatenate([low, low + random.uniform(0, 30, low.shape)], -1)
    boxes = boxes.astype("float32")
    ious = np.asarray(iou_matrix(boxes, boxes))
    np.testing.assert_allclose(ious, ious.T, atol=1e-6)
    paired, _ = paired_iou(boxes, np.roll(boxes, 1, axis=0))
    expected = ious[np.arange(40), (np.arange(40) - 1) % 40]
    np.testing.assert_allclose(np.asarray(paired), expected, atol=1e-6)


def some_boxes(seed, count=40):
    """Boxes within 100 x 80 px and beyond, some inverted or empty; xyxy float32."""
    random = np.random.default_rng(seed)
    low = random.uniform(-20, 90, (count, 2))
    return np.concatenate([low, low + random.uniform(-5, 40, low.shape)], -1).astype(
        "float32"
    )


def test_iou_of_tensors_is_that_of_arrays():
    a, b = (np.maximum(some_boxes(seed), [0, 0, 40, 40]) for seed in (2, 3))
    a, b = (np.concatenate([x[:, :2] % 40, x[:, 2:]], -1) for x in (a, b))
    rows, columns = (index.ravel() for index in np.indices((len(a), len(b))))
    pairs = boxes.PairIou(boxes.to_xywh(a), boxes.to_xywh(b), np.zeros(len(b), bool))
    rows, columns, iou = pairs.reaching(1e-12, rows, columns)
    expected = np.zeros((len(a), len(b)))
    expected[rows, columns] = iou
    assert (expected > 0).mean() > 0.1
    found = keras.ops.convert_to_numpy(iou_matrix(a, b))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_areas_and_clipping_of_tensors_are_those_of_single_boxes():
    a = some_boxes(4)
    areas = keras.ops.convert_to_numpy(tensor_boxes.area_px2(a))
    singles = [tuple(map(float, box)) for box in a]
    np.testing.assert_allclose(areas, [*map(single_box.area_px2, singles)], rtol=1e-5)
    clipped = keras.ops.convert_to_numpy(tensor_boxes.clip(a, (80, 100)))
    expected = [single_box.clipped(box, width=100, height=80) for box in singles]
    np.testing.assert_array_equal(clipped, np.array(expected, "float32"))


def test_areas_of_arrays_are_those_of_single_boxes():
    a = some_boxes(5)
    a[:, 2:] = np.maximum(a[:, 2:], a[:, :2])  # xywh knows no inverted box
    areas = boxes.area_px2(boxes.to_xywh(a))
    singles = [single_box.area_px2(tuple(map(float, box))) for box in a]
    assert areas.tolist() == singles


def test_centers_and_sizes_are_those_of_the_format():
    centers, sizes = tensor_boxes.centers_and_sizes(a := some_boxes(6))
    together = np.concatenate([np.asarray(centers), np.asarray(sizes)], -1)
    back = boxes.to_xywh(together, "center_xywh")
    np.testing.assert_allclose(back, boxes.to_xywh(a), atol=1e-5)
