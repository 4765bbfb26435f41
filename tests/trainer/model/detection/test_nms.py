import contextlib

import numpy as np
import pytest
import tensorflow as tf

from trainer.model.detection.nms import best_kept, keep_mask, kernel_of_tensorflow


def greedy(boxes, classes, valid, threshold, per_class):
    """The textbook loop."""
    keep = []
    for i in range(len(boxes)):
        if not valid[i]:
            continue
        for j in keep:
            low = np.maximum(boxes[i, :2], boxes[j, :2])
            high = np.minimum(boxes[i, 2:], boxes[j, 2:])
            intersection = np.clip(high - low, 0, None).prod()
            areas = [(b[2:] - b[:2]).prod() for b in (boxes[i], boxes[j])]
            iou = intersection / (sum(areas) - intersection)
            if iou > threshold and (classes[i] == classes[j] or not per_class):
                break
        else:
            keep.append(i)
    return [i in keep for i in range(len(boxes))]


def run(boxes, classes, valid, threshold=0.5, per_class=True):
    mask = keep_mask(
        np.asarray(boxes, "float32")[None],
        np.asarray(classes)[None],
        np.asarray(valid)[None],
        threshold,
        per_class,
    )
    return np.asarray(mask)[0].tolist()


def test_a_chain_keeps_the_first_and_the_third():
    # 1 overlaps 2 and 2 overlaps 3 by 8 / 12, 1 and 3 by 6 / 14
    boxes = [[0, 0, 10, 1], [2, 0, 12, 1], [4, 0, 14, 1]]
    assert run(boxes, [0, 0, 0], [True] * 3) == [True, False, True]


def test_classes_do_not_suppress_each_other_unless_asked():
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10]]
    assert run(boxes, [0, 1], [True, True]) == [True, True]
    assert run(boxes, [0, 1], [True, True], per_class=False) == [True, False]


def test_invalid_boxes_neither_stay_nor_suppress():
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10]]
    assert run(boxes, [0, 0], [False, True]) == [False, True]


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_agrees_with_the_textbook_loop(threshold, per_class):
    random = np.random.default_rng(7)
    for _ in range(5):
        low = random.uniform(0, 40, (80, 2))
        boxes = np.concatenate([low, low + random.uniform(5, 30, low.shape)], -1)
        boxes = boxes.astype("float32")
        classes = random.integers(0, 3, 80)
        valid = random.uniform(size=80) < 0.9
        expected = greedy(boxes, classes, valid, threshold, per_class)
        assert run(boxes, classes, valid, threshold, per_class) == expected


def first_kept(boxes, classes, valid, wanted, threshold, per_class):
    order, there = best_kept(
        np.asarray(boxes, "float32")[None],
        np.asarray(classes)[None],
        np.asarray(valid)[None],
        wanted,
        threshold,
        3 if per_class else None,
    )
    return np.asarray(order)[0][np.asarray(there)[0]].tolist()


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("wanted", [7, 80])
@pytest.mark.parametrize("kernel", [contextlib.nullcontext, kernel_of_tensorflow])
def test_the_first_of_the_textbook_loop_best_first(
    kernel, wanted, threshold, per_class
):
    random = np.random.default_rng(8)
    for _ in range(5):
        low = random.uniform(0, 40, (80, 2))
        boxes = np.concatenate([low, low + random.uniform(5, 30, low.shape)], -1)
        boxes = boxes.astype("float32")
        boxes[5:8] = boxes[4]  # twins: the earlier one stays
        classes = random.integers(0, 3, 80)
        valid = random.uniform(size=80) < 0.9
        keep = np.flatnonzero(greedy(boxes, classes, valid, threshold, per_class))
        with kernel():
            found = first_kept(boxes, classes, valid, wanted, threshold, per_class)
        assert found == keep[:wanted].tolist()


def test_the_kernel_keeps_images_of_a_batch_apart():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 9, 10]], [[0, 0, 0, 0], [0, 0, 9, 10]]])
    valid = np.array([[True, True], [False, True]])
    with kernel_of_tensorflow():
        order, there = best_kept(
            boxes.astype("float32"), np.zeros((2, 2), "int32"), valid, 2, 0.5, 1
        )
    assert np.asarray(there).tolist() == [[True, False], [True, False]]
    assert np.asarray(order)[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("classes", "asked"), [(1, True), (80, True), (81, False), (None, True)]
)
def test_the_kernel_is_asked_where_it_is_faster(classes, asked):
    @tf.function
    def kept():
        with kernel_of_tensorflow():
            boxes, ids = tf.zeros([1, 240, 4]), tf.zeros([1, 240], tf.int32)
            return best_kept(boxes, ids, ids == 0, 9, 0.5, classes)

    operations = kept.get_concrete_function().graph.get_operations()
    assert ("CombinedNonMaxSuppression" in {one.type for one in operations}) == asked
