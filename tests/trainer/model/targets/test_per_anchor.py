import numpy as np

from trainer.model.config import MatcherConfig
from trainer.model.targets.per_anchor import make_targets

ANCHORS = [
    np.array([[0, 0, 10, 10], [20, 0, 30, 10], [0, 20, 10, 24.5]], "float32"),
    np.array([[50, 50, 70, 70]], "float32"),
]


def ground_truth(boxes, classes, difficult=None):
    difficult = [False] * len(classes) if difficult is None else difficult
    return {
        "gt_boxes": np.array([boxes], "float32").reshape(1, -1, 4),
        "gt_classes": np.array([classes], "int32"),
        "gt_difficult": np.array([difficult], bool),
    }


def test_each_anchor_gets_class_and_box_of_its_ground_truth():
    truth = ground_truth([[50, 50, 70, 70], [0, 0, 10, 10], [-1] * 4], [2, 0, -1])
    targets = make_targets(ANCHORS, truth, 3, MatcherConfig())
    np.testing.assert_array_equal(
        np.asarray(targets.classes)[0], [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]
    )
    np.testing.assert_array_equal(np.asarray(targets.positive)[0], [1, 0, 0, 1])
    boxes = np.asarray(targets.boxes)[0]
    np.testing.assert_array_equal(boxes[[0, 3]], [[0, 0, 10, 10], [50, 50, 70, 70]])


def test_ignored_anchors_do_not_count():
    # the third anchor covers .45 of the box; the first covers another one
    truth = ground_truth([[0, 20, 10, 30], [0, 0, 10, 10]], [1, 1])
    config = MatcherConfig(low_quality=False)
    targets = make_targets(ANCHORS, truth, 2, config)
    np.testing.assert_array_equal(np.asarray(targets.counted)[0], [1, 1, 0, 1])
    np.testing.assert_array_equal(np.asarray(targets.positive)[0], [1, 0, 0, 0])


def test_an_image_without_boxes_is_all_negative():
    truth = ground_truth([[-1] * 4, [-1] * 4], [-1, -1])
    targets = make_targets(ANCHORS, truth, 2, MatcherConfig())
    assert np.asarray(targets.classes).sum() == 0
    assert np.asarray(targets.positive).sum() == 0
    assert np.asarray(targets.counted).min() == 1


def test_three_hundred_boxes_and_one_class():
    random = np.random.default_rng(0)
    low = random.uniform(0, 60, (300, 2))
    boxes = np.concatenate([low, low + 10], -1)
    targets = make_targets(ANCHORS, ground_truth(boxes, [0] * 300), 1, MatcherConfig())
    assert np.asarray(targets.classes).shape == (1, 4, 1)
    assert np.isfinite(np.asarray(targets.boxes)).all()
