"""Images that are nearly the same, across splits."""

import io

import numpy as np
import pytest
from PIL import Image

from components.example_gen.rules import near_copies
from components.example_gen.rules.near_copies import Seen, near_copy, roboflow_copy
from components.example_gen.source.fingerprint import (
    BITS,
    differing_bits,
    differing_when_mirrored,
    fingerprint,
)
from components.example_gen.source.image import decode_luma, open_image


def scene(seed, size=(320, 240)):
    """A smooth picture of light and dark patches."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def seen(picture, name, split="train", fmt="JPEG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, fmt, **options)
    mark = decode_luma(open_image(buffer.getvalue(), fmt.lower())).mark
    return Seen(split, name, name, mark)


def test_the_bits_say_where_it_gets_brighter():
    ramp = np.tile(np.arange(9, dtype=np.uint8) * 20, (9, 1))
    bits = np.unpackbits(np.frombuffer(fingerprint(Image.fromarray(ramp)), np.uint8))
    # brighter to the right everywhere, downwards nowhere
    assert bits.tolist() == [1] * 64 + [0] * 64


def test_bits_that_differ_are_counted():
    zero = np.zeros((1, 16), np.uint8)
    some = np.array([[0b101] + [0] * 15, [255] * 16], np.uint8)
    assert differing_bits(zero, some).tolist() == [[2, BITS]]


def test_the_bits_of_a_mirrored_picture_follow_from_its_own():
    grey = np.random.default_rng(3).permutation(81).astype(np.uint8).reshape(9, 9)
    marks = [
        np.frombuffer(fingerprint(Image.fromarray(plane)), np.uint8)[None]
        for plane in (grey, np.ascontiguousarray(grey[:, ::-1]))
    ]
    assert differing_when_mirrored(*marks).tolist() == [[0]]
    assert differing_when_mirrored(marks[0], 255 - marks[1]).tolist() == [[120]]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (p, {"quality": 30}),
        lambda p: (p, {"fmt": "PNG"}),
        lambda p: (p.resize((200, 150)), {}),
        lambda p: (p.resize((416, 416)), {}),
        lambda p: (p.point(lambda v: min(255, v * 5 // 4)), {}),
        lambda p: (p.transpose(Image.Transpose.FLIP_LEFT_RIGHT), {}),
    ],
)
def test_copies_that_are_not_byte_equal_are_found(change):
    original, copies = seen(scene(1), "a"), change(scene(1))
    copy = seen(copies[0], "b", "eval", **copies[1])
    others = [seen(scene(n), str(n)) for n in range(2, 40)]
    (found,) = near_copy([copy], [*others, original])
    assert (found.image.image_id, found.other.image_id) == ("b", "a")
    assert found.detail.startswith("like train/a: ")


def test_other_pictures_are_not_alike():
    images = [seen(scene(n), str(n)) for n in range(60)]
    assert list(near_copy(images[:30], images[30:])) == []


def test_equal_contents_are_a_leak_and_no_near_copy():
    image = seen(scene(1), "a")
    assert list(near_copy([image._replace(split="eval")], [image])) == []


def test_plain_pictures_have_no_mark():
    assert fingerprint(Image.new("L", (100, 80), 90)) == b""
    assert (
        list(near_copy([Seen("eval", "a", "1", b"")], [Seen("train", "b", "2", b"")]))
        == []
    )


def test_what_roboflow_made_of_one_picture_is_found_by_its_name():
    def named(split, name):
        return Seen(split, name, name, b"")

    train = [named("train", "dog_jpg.rf.0a1b"), named("train", "cat_jpg.rf.77")]
    test = [
        named("test", "dog_jpg.rf.ffff"),
        named("test", "dog_jpg"),
        named("test", "x"),
    ]
    (found,) = roboflow_copy(test, train)
    assert (found.image.image_id, found.other.image_id) == (
        "dog_jpg.rf.ffff",
        "dog_jpg.rf.0a1b",
    )
    assert found.detail == "dog_jpg, as train/dog_jpg.rf.0a1b"


def test_the_nearest_of_all_blocks_is_found_and_of_equals_the_first(monkeypatch):
    random = np.random.default_rng(0)
    marks = random.integers(0, 256, (9, 16), dtype=np.uint8)
    others = [Seen("train", f"t{i}", f"t{i}", m.tobytes()) for i, m in enumerate(marks)]
    one_off, twice = marks[7].copy(), marks[4]
    one_off[0] ^= 1
    others.append(Seen("train", "t9", "t9", twice.tobytes()))
    images = [
        Seen("eval", "e0", "e0", one_off.tobytes()),
        Seen("eval", "e1", "e1", twice.tobytes()),
        Seen("eval", "e2", "e2", random.bytes(16)),
    ]
    monkeypatch.setattr(near_copies, "_AT_ONCE", (2, 3))
    found = [(a.image.image_id, a.detail) for a in near_copy(images, others)]
    assert found == [
        ("e0", "like train/t7: 1 of 128 bits differ"),
        ("e1", "like train/t4: 0 of 128 bits differ"),
    ]
