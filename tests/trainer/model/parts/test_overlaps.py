import numpy as np

from trainer.model.parts.overlaps import iou_matrix, paired_iou


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
