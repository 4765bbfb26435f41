import numpy as np
import pytest

from trainer.model.config import DecodingConfig
from trainer.model.detection.decoding import decode_detections

ANCHORS = np.array(
    [[0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 60, 60], [-20, -20, 20, 20]], "float32"
)


def logit(p):
    return np.log(p / (1 - p))


def decode(scores, deltas=None, **config):
    """Detections of one image whose anchors have these scores [A, K]."""
    scores = np.asarray(scores, float)
    deltas = np.zeros((len(scores), 4)) if deltas is None else np.asarray(deltas)
    predictions = {
        "class_logits": logit(scores)[None].astype("float32"),
        "box_deltas": deltas[None].astype("float32"),
    }
    config = DecodingConfig(**{"max_detections": 5, **config})
    found = decode_detections(predictions, ANCHORS, (50, 55), (1.0,) * 4, config)
    return {name: np.asarray(value)[0] for name, value in found.items()}


def test_best_first_suppressed_clipped_and_padded():
    found = decode([[0.9, 0.01], [0.8, 0.01], [0.01, 0.6], [0.01, 0.7]])
    # the second anchor overlaps the first by 90 / 110; the others end at the border
    assert found["num_detections"] == 3
    np.testing.assert_allclose(found["scores"], [0.9, 0.7, 0.6, 0, 0], atol=1e-6)
    assert found["classes"].tolist() == [0, 1, 1, -1, -1]
    np.testing.assert_allclose(
        found["boxes"],
        [[0, 0, 10, 10], [0, 0, 20, 20], [40, 40, 55, 50], [0] * 4, [0] * 4],
        atol=1e-5,
    )


def test_one_anchor_may_be_two_classes_unless_nms_ignores_classes():
    scores = [[0.9, 0.8], [0.01, 0.01], [0.01, 0.01], [0.01, 0.01]]
    assert decode(scores)["classes"][:2].tolist() == [0, 1]
    assert decode(scores, class_agnostic_nms=True)["num_detections"] == 1


def test_scores_below_the_limit_are_nothing():
    found = decode([[0.04, 0.04]] * 4)
    assert found["num_detections"] == 0
    assert found["classes"].tolist() == [-1] * 5


def test_only_the_top_k_reach_nms():
    # three copies of one place fill the top 3, so that the far one is never seen
    scores = [[0.9, 0.9], [0.85, 0.01], [0.8, 0.01], [0.01, 0.01]]
    found = decode(scores, pre_nms_top_k=3, max_detections=3)
    assert found["num_detections"] == 2
    assert decode(scores)["num_detections"] == 3


def test_deltas_move_the_box():
    deltas = np.zeros((4, 4))
    deltas[0] = [0.5, 0.0, np.log(2.0), 0.0]  # 5 px right, twice as wide
    found = decode([[0.9], [0.01], [0.01], [0.01]], deltas)
    np.testing.assert_allclose(found["boxes"][0], [0, 0, 20, 10], atol=1e-4)


def test_fewer_candidates_than_wanted_are_padded():
    found = decode([[0.9], [0.01], [0.01], [0.01]], max_detections=100)
    assert found["boxes"].shape == (100, 4)
    assert found["num_detections"] == 1


def greedy(boxes, scores, iou_from):
    """Indices that stay, best first: of each pair too close, the worse goes."""
    order = list(np.argsort(-scores, kind="stable"))
    stay = []
    while order:
        best = order.pop(0)
        stay.append(best)
        others = boxes[order]
        sides = np.minimum(boxes[best, 2:], others[:, 2:]) - np.maximum(
            boxes[best, :2], others[:, :2]
        )
        common = sides.clip(0).prod(axis=1)
        areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
        area = (boxes[best, 2:] - boxes[best, :2]).prod()
        iou = common / (areas + area - common)
        order = [i for i, value in zip(order, iou, strict=True) if value <= iou_from]
    return np.array(stay, int)


def oracle(scores, deltas, class_agnostic):
    """In NumPy, as torchvision does it: classes apart by an offset of all boxes.

    Its `batched_nms` moves the boxes of class c by c * (largest coordinate + 1) and
    runs an NMS that knows no classes; score > .05, IoU > .5 goes, the best 5 stay.
    """
    anchors, classes = np.nonzero(scores > 0.05)
    found = scores[anchors, classes]
    low, high = ANCHORS[anchors, :2].astype(float), ANCHORS[anchors, 2:].astype(float)
    centers = (low + high) / 2 + deltas[anchors, :2] * (high - low)
    half = (high - low) / 2 * np.exp(deltas[anchors, 2:])
    boxes = np.concatenate([centers - half, centers + half], axis=1)
    boxes = boxes.clip(0, [55, 50, 55, 50])
    apart = 0 if class_agnostic else classes[:, None] * (boxes.max() + 1)
    stay = greedy(boxes + apart, found, 0.5)[:5]
    return boxes[stay], found[stay], classes[stay]


@pytest.mark.parametrize("class_agnostic", [False, True])
def test_agrees_with_an_oracle_on_random_predictions(class_agnostic):
    random = np.random.default_rng(3)
    counts = set()
    for _ in range(20):
        scores = random.uniform(0.01, 0.99, (4, 3))
        deltas = random.uniform(-0.3, 0.3, (4, 4))
        boxes, expected, classes = oracle(scores, deltas, class_agnostic)
        found = decode(scores, deltas, class_agnostic_nms=class_agnostic)
        number = found["num_detections"]
        counts.add(int(number))
        assert found["classes"][:number].tolist() == classes.tolist()
        np.testing.assert_allclose(found["scores"][:number], expected, atol=1e-5)
        np.testing.assert_allclose(found["boxes"][:number], boxes, atol=1e-3)
    assert max(counts) <= 4 if class_agnostic else counts == {5}  # four anchors
