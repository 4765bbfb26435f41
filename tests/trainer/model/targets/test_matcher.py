import itertools

import numpy as np
import pytest

from trainer.model.config import AnchorConfig, MatcherConfig, ModelConfig
from trainer.model.targets.anchors import anchors_per_level
from trainer.model.targets.matcher import IGNORED, NEGATIVE, POSITIVE, match

ATSS_ANCHORS = AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,))


def run(levels, boxes, config, valid=None, difficult=None):
    """States and ground-truth indices of one image, NumPy [A]."""
    boxes = np.asarray(boxes, "float32").reshape(1, -1, 4)
    shape = boxes.shape[:2]
    valid = np.ones(shape, bool) if valid is None else np.array([valid])
    difficult = np.zeros(shape, bool) if difficult is None else np.array([difficult])
    matches = match(levels, boxes, valid, difficult, config)
    return np.asarray(matches.states)[0], np.asarray(matches.gt_indices)[0]


def numpy_iou(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(-1)
    area = lambda x: (x[:, 2:] - x[:, :2]).prod(-1)  # noqa: E731
    return intersection / (area(a)[:, None] + area(b)[None] - intersection)


def random_boxes(count, seed, size=256):
    random = np.random.default_rng(seed)
    low = random.uniform(0, size * 0.8, (count, 2))
    sides = random.uniform(6, size * 0.5, (count, 2))
    return np.concatenate([low, np.minimum(low + sides, size)], -1).astype("float32")


def test_thresholds_split_anchors_into_three_states():
    # IoU with a 10 by 10 box of the same box cut to 10 by 6, 4.5 and 3: .6 .45 .3
    anchors = [np.array([[0, 0, 10, 6], [0, 0, 10, 4.5], [0, 0, 10, 3]], "float32")]
    config = MatcherConfig(low_quality=False)
    states, indices = run(anchors, [[0, 0, 10, 10]], config)
    assert states.tolist() == [POSITIVE, IGNORED, NEGATIVE]
    assert indices[0] == 0


def test_an_iou_on_the_threshold_is_positive():
    anchors = [np.array([[0, 0, 10, 5], [0, 0, 10, 4]], "float32")]
    config = MatcherConfig(low_quality=False)
    states, _ = run(anchors, [[0, 0, 10, 10]], config)
    assert states.tolist() == [POSITIVE, IGNORED]  # .5 and .4, both on a threshold


def test_max_iou_agrees_with_torchvisions_matcher():
    levels = anchors_per_level(256, 256, (3, 4, 5, 6, 7), AnchorConfig())
    boxes = random_boxes(12, seed=0)
    ious = numpy_iou(boxes, np.concatenate(levels))
    best = ious.max(0)
    expected = np.where(best >= 0.5, POSITIVE, np.where(best < 0.4, NEGATIVE, IGNORED))
    states, indices = run(levels, boxes, MatcherConfig(low_quality=False))
    # float32 against float64: leave out what lies on a threshold
    clear = (abs(best - 0.5) > 1e-5) & (abs(best - 0.4) > 1e-5)
    np.testing.assert_array_equal(states[clear], expected[clear])
    positive = states == POSITIVE
    np.testing.assert_array_equal(indices[positive], ious.argmax(0)[positive])


@pytest.mark.parametrize("kind", ["max_iou", "atss"])
def test_small_and_thin_boxes_get_anchors(kind):
    # none of these gets one in KerasHub 0.32
    boxes = [[100, 100, 112, 112], [30, 40, 50, 60], [200, 20, 208, 120], [3, 3, 4, 4]]
    anchor_config = AnchorConfig() if kind == "max_iou" else ATSS_ANCHORS
    levels = anchors_per_level(256, 256, (3, 4, 5, 6, 7), anchor_config)
    states, indices = run(levels, boxes, MatcherConfig(kind=kind))
    assert set(indices[states == POSITIVE]) == {0, 1, 2, 3}


def test_without_low_quality_matching_they_get_none():
    levels = anchors_per_level(256, 256, (3, 4, 5, 6, 7), AnchorConfig())
    boxes = [[100, 100, 112, 112], [30, 40, 50, 60], [200, 20, 208, 120]]
    states, _ = run(levels, boxes, MatcherConfig(low_quality=False))
    assert POSITIVE not in states


def test_a_small_object_inside_a_large_one_is_not_lost():
    levels = anchors_per_level(256, 256, (3, 4, 5, 6, 7), AnchorConfig())
    boxes = [[0, 0, 250, 250], [120, 120, 132, 132]]
    states, indices = run(levels, boxes, MatcherConfig())
    assert set(indices[states == POSITIVE]) == {0, 1}


def test_atss_agrees_with_the_papers_algorithm():
    levels = anchors_per_level(256, 256, (3, 4, 5, 6), ATSS_ANCHORS)
    anchors = np.concatenate(levels).astype(float)
    boxes = random_boxes(10, seed=4)
    ious = numpy_iou(boxes.astype(float), anchors)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    owner_iou, owner = np.full(len(anchors), -1.0), np.full(len(anchors), -1)
    starts = np.cumsum([0, *map(len, levels)])
    for number, box in enumerate(boxes):
        distance = np.hypot(*(centers - (box[:2] + box[2:]) / 2).T)
        candidates = np.concatenate(
            [
                start + np.argsort(distance[start:end])[:9]
                for start, end in itertools.pairwise(starts)
            ]
        )
        candidate_ious = ious[number, candidates]
        threshold = candidate_ious.mean() + candidate_ious.std(ddof=1)
        for anchor in candidates:
            x, y = centers[anchor]
            inside = box[0] < x < box[2] and box[1] < y < box[3]
            iou = ious[number, anchor]
            if inside and iou >= threshold and iou > owner_iou[anchor]:
                owner_iou[anchor], owner[anchor] = iou, number
    config = MatcherConfig(kind="atss", low_quality=False)
    states, indices = run(levels, boxes, config)
    np.testing.assert_array_equal(states == POSITIVE, owner >= 0)
    np.testing.assert_array_equal(indices[owner >= 0], owner[owner >= 0])
    assert IGNORED not in states


def test_padding_matches_nothing():
    levels = anchors_per_level(64, 64, (3, 4), ATSS_ANCHORS)
    padding = [[-1, -1, -1, -1], [0, 0, 40, 40]]
    for kind in ("max_iou", "atss"):
        config = MatcherConfig(kind=kind)
        states, _ = run(levels, padding, config, valid=[False, False])
        assert set(states) == {NEGATIVE}


def test_anchors_of_difficult_boxes_are_ignored_or_trained_as_the_config_says():
    levels = anchors_per_level(64, 64, (3, 4), ATSS_ANCHORS)
    box = [[8, 8, 48, 48]]
    ignoring = MatcherConfig(kind="atss")
    states, _ = run(levels, box, ignoring, difficult=[True])
    assert POSITIVE not in states
    assert IGNORED in states
    training = MatcherConfig(kind="atss", difficult="train")
    states, _ = run(levels, box, training, difficult=[True])
    assert POSITIVE in states


def test_atss_refuses_several_anchors_a_cell():
    with pytest.raises(ValueError, match="one anchor per cell: set"):
        ModelConfig(matcher=MatcherConfig(kind="atss"))


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"got \(0.6, 0.5\)"):
        MatcherConfig(positive_from=0.5, negative_below=0.6)


def crowd(seed, count=60, side=160):
    """Objects of 6 to 14 px, many of them side by side or one over the other."""
    random = np.random.default_rng(seed)
    low = random.uniform(0, side - 14, (count, 2))
    return np.concatenate([low, low + random.uniform(6, 14, (count, 2))], -1)


@pytest.mark.parametrize("kind", ["max_iou", "atss"])
def test_every_object_of_a_crowd_owns_an_anchor(kind):
    anchor_config = AnchorConfig() if kind == "max_iou" else ATSS_ANCHORS
    levels = anchors_per_level(160, 160, (3, 4, 5, 6), anchor_config)
    for seed in range(3):
        boxes = crowd(seed)
        states, indices = run(levels, boxes, MatcherConfig(kind=kind))
        assert set(indices[states == POSITIVE]) == set(range(len(boxes)))


def test_who_shares_its_best_anchor_gets_the_next_and_takes_none_from_others():
    # three boxes inside of anchor 0, IoU .5 .4 .3, which the first one owns; anchor 1
    # covers 10 px2 of each of the others: 10/80, 10/70; anchor 2 covers none of them
    anchors = [
        np.array([[0, 0, 10, 10], [8, -5, 13, 5], [50, 50, 60, 60]], "float32"),
    ]
    boxes = [[0, 0, 10, 5], [2, 0, 10, 5], [4, 0, 10, 5]]
    config = MatcherConfig(positive_from=0.5, negative_below=0.1)
    states, indices = run(anchors, boxes, config)
    assert states.tolist() == [POSITIVE, POSITIVE, NEGATIVE]
    # the second one stays without: no anchor is left that overlaps it
    assert indices[:2].tolist() == [0, 2]


def test_of_anchors_that_overlap_equally_the_nearest_is_taken():
    # both hold the box whole; the second one's centre is nearer
    anchors = [np.array([[0, 0, 20, 20], [2, 2, 22, 22]], "float32")]
    states, indices = run(anchors, [[11, 11, 14, 14]], MatcherConfig())
    assert states.tolist() == [NEGATIVE, POSITIVE]
    assert indices[1] == 0
