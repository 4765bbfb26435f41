import numpy as np

from trainer.model.targets.box_coding import decode_boxes, encode_boxes

ONES = (1.0, 1.0, 1.0, 1.0)


def test_deltas_by_hand():
    anchor = np.array([[0.0, 0.0, 10.0, 20.0]], "float32")  # centre 5, 10
    box = np.array([[5.0, 5.0, 25.0, 25.0]], "float32")  # centre 15, 15; 20 by 20
    deltas = np.asarray(encode_boxes(box, anchor, ONES))
    # (15 - 5) / 10, (15 - 10) / 20, ln(20 / 10), ln(20 / 20)
    np.testing.assert_allclose(deltas, [[1.0, 0.25, 0.693147, 0.0]], atol=1e-5)


def test_variance_divides_the_deltas():
    anchor = np.array([[0.0, 0.0, 10.0, 20.0]], "float32")
    box = np.array([[5.0, 5.0, 25.0, 25.0]], "float32")
    deltas = np.asarray(encode_boxes(box, anchor, (0.1, 0.1, 0.2, 0.2)))
    np.testing.assert_allclose(deltas, [[10.0, 2.5, 3.465736, 0.0]], atol=1e-4)


def test_deltas_agree_with_the_formulas_of_fast_r_cnn():
    # t_x = (x - x_a) / w_a, t_w = log(w / w_a): centres and sides; detectron2 has
    # weights in the numerator, which are one over our variance
    random = np.random.default_rng(2)
    variance = np.array([0.1, 0.2, 0.3, 0.4])
    centers = random.uniform(50, 300, (2, 200, 2))
    sides = random.uniform(4, 90, (2, 200, 2))
    (center, center_a), (side, side_a) = centers, sides
    boxes = np.concatenate([center - side / 2, center + side / 2], -1)
    anchors = np.concatenate([center_a - side_a / 2, center_a + side_a / 2], -1)
    expected = np.concatenate(
        [(center - center_a) / side_a, np.log(side / side_a)], axis=-1
    )
    actual = encode_boxes(
        boxes.astype("float32"), anchors.astype("float32"), tuple(variance)
    )
    np.testing.assert_allclose(np.asarray(actual), expected / variance, atol=1e-3)
    deltas = random.normal(0, 1, (200, 4))
    moved = center_a + deltas[:, :2] * variance[:2] * side_a
    grown = side_a * np.exp(deltas[:, 2:] * variance[2:])
    decoded = decode_boxes(
        deltas.astype("float32"), anchors.astype("float32"), tuple(variance)
    )
    expected = np.concatenate([moved - grown / 2, moved + grown / 2], -1)
    np.testing.assert_allclose(np.asarray(decoded), expected, atol=1e-2)


def test_decoding_is_the_inverse():
    random = np.random.default_rng(0)
    low = random.uniform(0, 300, (2, 50, 2))
    boxes = np.concatenate([low, low + random.uniform(1, 200, low.shape)], -1)
    low = random.uniform(0, 300, (50, 2))
    anchors = np.concatenate([low, low + random.uniform(8, 200, low.shape)], -1)
    boxes, anchors = boxes.astype("float32"), anchors.astype("float32")
    variance = (0.1, 0.1, 0.2, 0.2)
    decoded = decode_boxes(encode_boxes(boxes, anchors, variance), anchors, variance)
    np.testing.assert_allclose(np.asarray(decoded), boxes, atol=1e-2)


def test_wild_deltas_and_empty_boxes_stay_finite():
    anchor = np.array([[0.0, 0.0, 10.0, 10.0]], "float32")
    wild = np.array([[0.0, 0.0, 1e6, 1e6]], "float32")
    # the size is capped at 1000 / 16 of the anchor's: 625 px, centred on 5, 5
    decoded = np.asarray(decode_boxes(wild, anchor, ONES))
    np.testing.assert_allclose(decoded, [[-307.5, -307.5, 317.5, 317.5]], rtol=1e-4)
    empty = np.array([[3.0, 3.0, 3.0, 3.0]], "float32")
    assert np.isfinite(np.asarray(encode_boxes(empty, anchor, ONES))).all()
