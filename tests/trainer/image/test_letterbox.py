"""Decode against Pillow; letterbox by hand."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trainer.image.letterbox import (
    PAD_VALUE,
    decode_and_letterbox,
    decode_image,
    letterbox_batch,
    letterbox_boxes,
    letterbox_image,
    unletterbox_boxes,
)


def _blocks(height=24, width=40):
    """Eight-pixel blocks of random colours, which JPEG keeps well."""
    rng = np.random.default_rng(5)
    blocks = rng.integers(0, 255, (height // 8, width // 8, 3))
    return np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)


def _encode(image, image_format, **options):
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def _pillow(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"), int)


@pytest.mark.parametrize(
    ("mode", "image_format"),
    [
        ("RGB", "JPEG"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("RGB", "PNG"),
        ("L", "PNG"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
    ],
)
def test_decode_agrees_with_pillow(mode, image_format):
    encoded = _encode(Image.fromarray(_blocks()).convert(mode), image_format)

    decoded = decode_image(tf.constant(encoded)).numpy().astype(int)

    # libjpeg's fast and exact cosine transforms differ by a step or two.
    tolerance = 3 if image_format == "JPEG" else 0
    assert np.abs(decoded - _pillow(encoded)).max() <= tolerance


def test_sixteen_bit_png_keeps_its_high_byte():
    high = _blocks()[..., 0]
    encoded = _encode(Image.fromarray(high.astype(np.uint16) * 256 + 77), "PNG")

    decoded = decode_image(tf.constant(encoded)).numpy()

    np.testing.assert_array_equal(decoded, np.repeat(high[..., None], 3, axis=2))


def test_transparent_pixels_keep_their_colour():
    rgb = _blocks()
    alpha = np.zeros((*rgb.shape[:2], 1), np.uint8)
    encoded = _encode(Image.fromarray(np.concatenate([rgb, alpha], 2), "RGBA"), "PNG")

    np.testing.assert_array_equal(decode_image(tf.constant(encoded)).numpy(), rgb)


def test_stored_pixels_are_not_turned_by_exif():
    turned = Image.Exif()
    turned[0x0112] = 6  # "rotate by 90 degrees to show"
    encoded = tf.constant(_encode(Image.fromarray(_blocks()), "JPEG", exif=turned))

    assert decode_image(encoded).shape == (24, 40, 3)
    # what a model sees is upright
    assert decode_and_letterbox(encoded[None], (40, 24))[2].numpy().tolist() == [
        [40, 24]
    ]


@pytest.mark.parametrize("encoded", [b"", b"not an image"])
def test_other_bytes_are_refused(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(encoded))


def test_wide_image_is_centred_between_padding():
    image = tf.fill([10, 40, 3], tf.constant(200, tf.uint8))

    frame, letterbox = letterbox_image(image, (40, 80))

    # Twice as large: 20 x 80, so 10 rows of padding above and 10 below.
    np.testing.assert_array_equal(letterbox, [2, 2, 0, 10])
    assert (frame[:10].numpy() == PAD_VALUE).all()
    assert (frame[10:30].numpy() == 200).all()
    assert (frame[30:].numpy() == PAD_VALUE).all()


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (1, 1, [64, 64, 16, 0]),
        # 1 x .096 rounds to nothing: kept one pixel high, its scale says so.
        (1, 1000, [0.096, 1, 0, 31]),
        (1000, 1, [1, 0.064, 47, 0]),
        (64, 96, [1, 1, 0, 0]),
    ],
)
def test_extreme_images_have_a_defined_frame(height, width, expected):
    image = tf.fill([height, width, 3], tf.constant(9, tf.uint8))

    frame, letterbox = letterbox_image(image, (64, 96))

    assert frame.shape == (64, 96, 3)
    np.testing.assert_allclose(letterbox, expected, rtol=1e-6)
    assert (frame.numpy() == 9).any()


@pytest.mark.parametrize("size", [(222, 286), (256, 3), (500, 64), (3, 700)], ids=str)
def test_what_shrinks_has_the_pixels_of_tensorflow_own_resize(size):
    image = np.random.default_rng(2).integers(0, 256, (*size, 3)).astype("uint8")
    scale = min(64 / size[0], 96 / size[1])
    fitted = [max(1, round(side * scale)) for side in size]
    resized = tf.cast(tf.image.resize(image, fitted, antialias=True) + 0.5, tf.uint8)

    frame, letterbox = letterbox_image(tf.constant(image), (64, 96))

    left, top = letterbox[2:].numpy().astype(int)
    inside = frame[top : top + fitted[0], left : left + fitted[1]]
    np.testing.assert_array_equal(inside, resized)


@pytest.mark.parametrize("size", [(375, 500), (1, 1), (1, 1000), (33, 7)], ids=str)
def test_boxes_return_from_the_frame(size):
    height, width = size
    image = tf.zeros([height, width, 3], tf.uint8)
    _, letterbox = letterbox_image(image, (64, 96))
    boxes = tf.constant([[0, 0, width, height], [width / 4, 0, width / 2, height / 3]])

    there = letterbox_boxes(boxes, letterbox)
    back = unletterbox_boxes(there, letterbox, tf.constant(size))

    assert (there.numpy() <= [96, 64, 96, 64]).all()
    np.testing.assert_allclose(back, boxes, rtol=1e-5, atol=1e-4)


def test_detections_in_the_padding_are_clipped_to_the_image():
    # A 10 x 40 image in a 40 x 80 frame: scale 2, 10 rows of padding above.
    letterbox, shape = tf.constant([2.0, 2, 0, 10]), tf.constant([10, 40])

    boxes = unletterbox_boxes(tf.constant([[-4.0, 0, 90, 40]]), letterbox, shape)

    np.testing.assert_allclose(boxes, [[0, 0, 40, 10]])


def test_drawn_box_is_found_where_letterbox_puts_it():
    image = np.zeros((90, 200, 3), np.uint8)
    image[30:60, 50:150] = 255

    frame, letterbox = letterbox_image(tf.constant(image), (64, 96))
    expected = letterbox_boxes(tf.constant([[50.0, 30, 150, 60]]), letterbox)

    rows, columns = np.nonzero(frame.numpy()[..., 0] > 190)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(found, expected[0], atol=0.75)


def test_signature_takes_images_of_different_sizes_and_none_at_all(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, image_bytes):
            return decode_and_letterbox(image_bytes, (32, 48))

    tf.saved_model.save(Module(), str(tmp_path))
    serve = tf.saved_model.load(str(tmp_path)).serve
    encoded = [
        _encode(Image.fromarray(_blocks()), "JPEG"),
        _encode(Image.fromarray(_blocks(16, 8)).convert("L"), "PNG"),
    ]

    frames, letterbox, shapes, orientation = serve(tf.constant(encoded))

    np.testing.assert_array_equal(shapes, [[24, 40], [16, 8]])
    np.testing.assert_array_equal(orientation, [1, 1])
    for i, one in enumerate(encoded):
        frame, expected = letterbox_image(decode_image(tf.constant(one)), (32, 48))
        np.testing.assert_array_equal(frames[i], frame)
        np.testing.assert_allclose(letterbox[i], expected)
    assert serve(tf.constant([], tf.string))[0].shape == (0, 32, 48, 3)


def test_decoded_batch_gets_the_same_frames():
    images = tf.constant(np.stack([_blocks(), _blocks()[::-1]]))

    frames, letterbox, shapes = letterbox_batch(images, (32, 48))

    expected, expected_letterbox = letterbox_image(images[1], (32, 48))
    np.testing.assert_array_equal(frames[1], expected)
    np.testing.assert_array_equal(letterbox[1], expected_letterbox)
    np.testing.assert_array_equal(shapes, [[24, 40], [24, 40]])
