"""EXIF in TensorFlow against Pillow, on real files of each orientation."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
from trainer.image.letterbox import decode_upright
from trainer.image.upright import exif_orientation, stored_boxes, upright_boxes
from trainer.input.frames import read_frame

SIZE = (48, 32)  # width, height as stored
BOX = (8, 4, 40, 12)  # white on black


def picture(image_format, orientation, lead=b""):
    """The white box on black, with an EXIF orientation."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    exif = Image.Exif()
    exif[0x010E] = "a description before the tag"
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, image_format, exif=exif, quality=95)
    raw = stream.getvalue()
    return raw[:2] + lead + raw[2:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_pixels_and_boxes_are_turned_as_pillow_turns_them(image_format, orientation):
    raw = picture(image_format, orientation)
    upright, found = decode_upright(tf.constant(raw))
    with Image.open(io.BytesIO(raw)) as image:
        right = np.asarray(ImageOps.exif_transpose(image), int)
    assert found == orientation
    assert upright.shape == right.shape
    assert np.abs(upright.numpy().astype(int) - right).max() <= 3

    shape = tf.shape(upright)[:2]
    box = tf.constant([BOX], tf.float32)
    turned = upright_boxes(box, found, shape)
    rows, columns = np.nonzero(right[..., 0] > 128)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_array_equal(turned, [seen])
    np.testing.assert_array_equal(stored_boxes(turned, found, shape), box)


def test_a_batch_of_boxes_goes_back_each_in_its_own_way():
    # 6: stored row 0 is seen on the right, column 0 on top: x = 32 - y, y = x
    seen = tf.constant([[BOX], [(32 - 12, 8, 32 - 4, 40)]], tf.float32)
    shapes = tf.constant([[32, 48], [48, 32]])
    stored = stored_boxes(seen, tf.constant([1, 6]), shapes)
    np.testing.assert_array_equal(stored, [[BOX], [BOX]])


JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
# Pillow writes big-endian EXIF.
LITTLE_ENDIAN = (
    b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0"
    b"\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0"
)


def plain(image_format="JPEG"):
    stream = io.BytesIO()
    Image.new("RGB", SIZE).save(stream, image_format)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("raw", "orientation"),
    [
        (picture("JPEG", 6, lead=JFIF), 6),
        (picture("JPEG", 6, lead=b"\xff\xfe\x00\x06Exif"), 6),
        (plain()[:2] + LITTLE_ENDIAN + plain()[2:], 8),
        (plain(), 1),
        (plain("PNG"), 1),
        (picture("JPEG", 9), 1),
        (picture("JPEG", 0), 1),
        # another APP1, such as XMP, says nothing
        (plain()[:2] + b"\xff\xe1\x00\x08http:/" + plain()[2:], 1),
        # the first of two, and none behind the tables
        (plain()[:2] + LITTLE_ENDIAN + picture("JPEG", 6)[2:], 8),
        (plain()[:-2] + LITTLE_ENDIAN + plain()[-2:], 1),
        (b"", 1),
        (b"\xff\xd8", 1),
        (b"GIF89a", 1),
    ],
)
def test_where_the_tag_is_found_and_where_there_is_none(raw, orientation):
    assert exif_orientation(tf.constant(raw)) == orientation


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_file_that_breaks_off_anywhere_has_an_orientation(image_format):
    raw = picture(image_format, 6)
    start = raw.index(b"MM\0*")
    read = tf.function(exif_orientation, input_signature=[tf.TensorSpec([], tf.string)])
    for end in range(start + 120):
        assert read(tf.constant(raw[:end])) in (1, 6)
    noise = np.random.default_rng(0)
    for _ in range(300):
        bent = bytearray(raw)
        for place in noise.integers(2, start + 60, 3):
            bent[place] = noise.integers(256)
        assert 1 <= read(tf.constant(bytes(bent))) <= 8


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_frame_of_training_shows_the_upright_picture_and_its_box(orientation):
    example = DetectionExample(
        image_id="a",
        filename="a.jpg",
        source_path="a.jpg",
        encoded_image=picture("JPEG", orientation),
        image_format="jpeg",
        width=SIZE[0],
        height=SIZE[1],
        sha256="0",
        boxes=np.array([BOX], np.float32),
        class_names=("dog",),
        difficult=np.zeros(1, bool),
        truncated=np.zeros(1, bool),
        occluded=np.zeros(1, bool),
        poses=("",),
    )
    record = tf.constant(encode_example(example, LabelMap(("dog",))))
    frame = read_frame(record, (96, 96), max_boxes=2)
    rows, columns = np.nonzero(frame["images"].numpy()[..., 0] > 190)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    # twice as large, in the middle of the frame; 6: x = 32 - y, y = x
    right = {1: (16, 24, 80, 40), 6: (56, 16, 72, 80)}[orientation]
    np.testing.assert_allclose(frame["gt_boxes"][0], right, atol=1e-3)
    np.testing.assert_allclose(seen, right, atol=1)
