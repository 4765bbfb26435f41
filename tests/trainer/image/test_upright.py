"""EXIF in TensorFlow against Pillow, on real files of each orientation."""

import io
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from schemas import exif_orientation as in_bytes
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
# eight by eight ones, under a number that no picture here uses
TABLE = b"\xff\xdb\x00\x43\x03" + b"\x01" * 64


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
        # behind tables, and behind a byte that fills up
        (picture("JPEG", 6, lead=b"\xff\xfe\x00\x04ab\xff"), 6),
        (plain()[:2] + TABLE + LITTLE_ENDIAN + plain()[2:], 8),
        # another APP1, such as XMP, says nothing
        (plain()[:2] + b"\xff\xe1\x00\x08http:/" + plain()[2:], 1),
        # the first of two, and none behind the pixels
        (plain()[:2] + LITTLE_ENDIAN + picture("JPEG", 6)[2:], 8),
        (plain()[:-2] + LITTLE_ENDIAN + plain()[-2:], 1),
        (b"", 1),
        (b"\xff\xd8", 1),
        (b"GIF89a", 1),
    ],
)
def test_where_the_tag_is_found_and_where_there_is_none(raw, orientation):
    assert exif_orientation(tf.constant(raw)) == orientation
    assert in_bytes.exif_orientation(raw) == orientation


def segments(marker, sizes, filling=b"x"):
    """APPn or comments of so many bytes each."""
    return b"".join(
        bytes([0xFF, marker]) + (size + 2).to_bytes(2) + (filling * size)[:size]
        for size in sizes
    )


def chunks(count, size):
    """PNG chunks of text, which may stand in front of EXIF."""
    data = b"k\0" + b"x" * size
    check = zlib.crc32(b"tEXt" + data).to_bytes(4)
    return (len(data).to_bytes(4) + b"tEXt" + data + check) * count


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    "lead",
    [
        segments(0xE2, [17_000]),  # a colour profile, past the first 16 KiB
        segments(0xE2, [65_533] * 9),
        segments(0xFE, [3] * 600),
        # a thumbnail that is itself a JPEG, and bytes that look like a scan's start
        segments(0xED, [20_000], plain()),
        segments(0xE2, [17_000], b"\xff\xda\x00\x0c\x03" + b"y" * 90),
    ],
)
def test_exif_is_found_and_applied_behind_whatever_stands_in_front(lead, orientation):
    raw = picture("JPEG", orientation, lead=lead)
    with Image.open(io.BytesIO(raw)) as image:
        right = np.asarray(ImageOps.exif_transpose(image), int)
    upright, found = decode_upright(tf.constant(raw))
    assert found == in_bytes.exif_orientation(raw) == orientation
    assert np.abs(upright.numpy().astype(int) - right).max() <= 3


def test_exif_of_a_png_is_found_behind_many_chunks():
    raw = picture("PNG", 6)
    end_of_header = 8 + 25
    raw = raw[:end_of_header] + chunks(300, 300) + raw[end_of_header:]
    assert decode_upright(tf.constant(raw))[1] == 6
    assert in_bytes.exif_orientation(raw) == 6


@pytest.mark.parametrize("kind", [3, 4])
def test_the_tag_may_have_two_bytes_or_four_as_for_pillow(kind):
    """Exif says two (SHORT); some programs write four (LONG)."""
    for order, start in (("little", b"II*\0\x08\0\0\0"), ("big", b"MM\0*\0\0\0\x08")):
        value = (6).to_bytes(2 if kind == 3 else 4, order).ljust(4, b"\0")
        entry = (0x112).to_bytes(2, order) + kind.to_bytes(2, order)
        entry += (1).to_bytes(4, order) + value
        block = b"Exif\0\0" + start + (1).to_bytes(2, order) + entry + b"\0" * 4
        raw = plain()[:2] + segments(0xE1, [len(block)], block) + plain()[2:]
        with Image.open(io.BytesIO(raw)) as image:
            assert image.getexif()[0x112] == 6
        assert exif_orientation(tf.constant(raw)) == 6
        assert in_bytes.exif_orientation(raw) == 6


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_damaged_file_has_one_orientation_for_ingest_and_model(image_format):
    raw = picture(image_format, 6, lead=JFIF if image_format == "JPEG" else b"")
    start = raw.index(b"MM\0*")
    read = tf.function(exif_orientation, input_signature=[tf.TensorSpec([], tf.string)])
    damaged = [raw[:end] for end in range(start + 120)]
    noise = np.random.default_rng(0)
    for _ in range(600):
        bent = bytearray(raw)
        for place in noise.integers(2, start + 60, noise.integers(1, 4)):
            bent[place] = noise.integers(256)
        place = int(noise.integers(2, start + 60))
        bent[place : place + 1] = noise.bytes(int(noise.integers(3)))
        damaged.append(bytes(bent))
    found = [int(read(tf.constant(one))) for one in damaged]
    assert found == [in_bytes.exif_orientation(one) for one in damaged]
    assert {1, 6} <= set(found)


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
