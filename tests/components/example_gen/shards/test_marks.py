"""What is kept of each image until all are compared."""

import hashlib
import tracemalloc

import pytest

from components.example_gen.rules.near_copies import Seen
from components.example_gen.shards.marks import PackedImages


def image(number, mark=None):
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return Seen(
        "eval", f"2008_{number:06d}", sha256, mark or number.to_bytes(16, "big")
    )


def test_packed_images_are_those_that_went_in():
    images = [image(1), image(2)._replace(mark=b""), image(3, bytes(16))]
    images += [image(4)._replace(image_id="a/\udce9 \u00e9"), image(5, b"\xff" * 16)]
    packed = PackedImages("eval")
    for each in images:
        packed.append(each)
    assert list(packed) == images
    assert packed[1:4] == images[1:4]
    with pytest.raises(IndexError):
        packed[5]


def test_a_million_of_them_fit_in_100_mb():
    tracemalloc.start()
    try:
        packed = PackedImages("eval")
        for number in range(2000):
            packed.append(image(number))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / 2000 < 100
