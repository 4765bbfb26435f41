import numpy as np
import pytest
import tensorflow as tf

from trainer.model.losses import ciou_loss, focal_loss, giou_loss, smooth_l1_loss


def test_focal_loss_by_hand():
    logits = np.array([0.0, 0.0], "float32")
    targets = np.array([1.0, 0.0], "float32")
    loss = np.asarray(focal_loss(logits, targets, alpha=0.25, gamma=2.0))
    # .25 * .5^2 * ln 2 and .75 * .5^2 * ln 2
    np.testing.assert_allclose(loss, [0.0433217, 0.1299651], rtol=1e-5)


def test_focal_loss_agrees_with_torchvisions_formula():
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, 1000)
    targets = (random.uniform(size=1000) < 0.3).astype(float)
    p = 1 / (1 + np.exp(-logits))
    cross_entropy = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    p_t = p * targets + (1 - p) * (1 - targets)
    alpha_t = 0.25 * targets + 0.75 * (1 - targets)
    expected = alpha_t * (1 - p_t) ** 1.5 * cross_entropy
    loss = focal_loss(logits.astype("float32"), targets.astype("float32"), 0.25, 1.5)
    np.testing.assert_allclose(np.asarray(loss), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_focal_losss_gradient_agrees_with_finite_differences(gamma):
    random = np.random.default_rng(1)
    logits = random.normal(0, 3, 200)
    targets = (random.uniform(size=200) < 0.3).astype(float)

    def formula(logits):
        p = 1 / (1 + np.exp(-logits))
        positive = -0.25 * (1 - p) ** gamma * np.log(p)
        return np.where(targets > 0, positive, -0.75 * p**gamma * np.log(1 - p))

    expected = (formula(logits + 1e-5) - formula(logits - 1e-5)) / 2e-5
    given = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = focal_loss(given, tf.constant(targets, tf.float32), 0.25, gamma)
    np.testing.assert_allclose(tape.gradient(loss, given), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_focal_loss_is_finite_and_float32_for_sure_predictions(dtype):
    logits = np.array([-80.0, 80.0, -80.0, 80.0], dtype)
    targets = np.array([1.0, 1.0, 0.0, 0.0], "float32")
    loss = np.asarray(focal_loss(logits, targets, 0.25, 2.0))
    assert loss.dtype == np.float32
    np.testing.assert_allclose(loss, [20.0, 0.0, 0.0, 60.0], atol=1e-5)


def test_smooth_l1_is_quadratic_then_linear():
    deltas = np.array([[0.5, -2.0, 0.0, 1.0]], "float32")
    loss = smooth_l1_loss(deltas, np.zeros((1, 4), "float32"), beta=1.0)
    # .5 * .25 + (2 - .5) + 0 + .5
    np.testing.assert_allclose(np.asarray(loss), [2.125])
    loss = smooth_l1_loss(deltas, np.zeros((1, 4), "float32"), beta=0.5)
    # .25 + 1.75 + 0 + .75
    np.testing.assert_allclose(np.asarray(loss), [2.75])


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_smooth_l1_agrees_with_torchs_formula(beta):
    random = np.random.default_rng(5)
    deltas, targets = random.normal(0, 1.5, (2, 300, 4))
    expected = np.zeros(300)
    for row, column in np.ndindex(300, 4):
        error = abs(deltas[row, column] - targets[row, column])
        quadratic = error < beta
        expected[row] += 0.5 * error**2 / beta if quadratic else error - 0.5 * beta
    loss = smooth_l1_loss(deltas.astype("float32"), targets.astype("float32"), beta)
    np.testing.assert_allclose(np.asarray(loss), expected, rtol=1e-4)


def test_giou_loss_by_hand():
    a = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 4, 2]], "float32")
    b = np.array([[1, 1, 3, 3], [2, 0, 3, 1], [0, 0, 4, 2]], "float32")
    # 1 - 1/7 + (9 - 7) / 9; apart: 1 - 0 + (3 - 2) / 3; the same: 0
    expected = [1 - 1 / 7 + 2 / 9, 4 / 3, 0.0]
    np.testing.assert_allclose(np.asarray(giou_loss(a, b)), expected, atol=1e-6)


def test_ciou_loss_by_hand():
    a = np.array([[0, 0, 2, 2], [0, 0, 4, 2]], "float32")
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 4]], "float32")
    # equal shapes: 1 - 1/7 + (1 + 1) / (9 + 9)
    # iou 4 / 12, centres (2, 1) and (1, 2): 2 / 32; v = 4/pi^2 (atan .5 - atan 2)^2
    v = 4 / np.pi**2 * (np.arctan(0.5) - np.arctan(2.0)) ** 2
    second = 1 - 1 / 3 + 2 / 32 + v * v / (1 - 1 / 3 + v)
    expected = [1 - 1 / 7 + 2 / 18, second]
    np.testing.assert_allclose(np.asarray(ciou_loss(a, b)), expected, atol=1e-5)


@pytest.mark.parametrize("loss", [giou_loss, ciou_loss])
def test_box_losses_agree_with_torchvisions_formulas(loss):
    random = np.random.default_rng(3)
    low = random.uniform(0, 60, (2, 200, 2))
    boxes = np.concatenate([low, low + random.uniform(1, 60, low.shape)], -1)
    a, b = boxes[0], boxes[1]
    low_i, high_i = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    low_c, high_c = np.minimum(a[:, :2], b[:, :2]), np.maximum(a[:, 2:], b[:, 2:])
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    intersection = np.prod(np.clip(high_i - low_i, 0, None), -1)
    union = size_a.prod(-1) + size_b.prod(-1) - intersection
    iou = intersection / union
    if loss is giou_loss:
        hull = (high_c - low_c).prod(-1)
        expected = 1 - (iou - (hull - union) / hull)
    else:
        diagonal = ((high_c - low_c) ** 2).sum(-1)
        centers = (a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2
        angle = np.arctan(size_b[:, 0] / size_b[:, 1])
        angle = angle - np.arctan(size_a[:, 0] / size_a[:, 1])
        v = 4 / np.pi**2 * angle**2
        distance = (centers**2).sum(-1) / diagonal
        expected = 1 - iou + distance + v * v / (1 - iou + v)
    actual = np.asarray(loss(a.astype("float32"), b.astype("float32")))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
