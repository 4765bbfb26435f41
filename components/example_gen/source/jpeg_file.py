"""The markers of a JPEG: whether libjpeg finds the end of the image.

Pillow stops with the last row of pixels. TensorFlow reads on to the end marker, and
fails where the file ends first. (ITU-T T.81, annex B.)
"""

import bisect
import re
from collections.abc import Iterator

import numpy as np

_ADOBE = re.compile(rb"\xff\xee..Adobe", re.DOTALL)
_START_OF_SCAN, _START_OF_IMAGE, _END_OF_IMAGE = 0xDA, 0xD8, 0xD9
_TEMPORARY = 0x01  # has no length
# What follows 0xFF in a marker: no stuffed zero, no fill byte, no restart.
_IS_MARKER = np.ones(256, np.bool_)
_IS_MARKER[[0x00, 0xFF, *range(0xD0, 0xD8)]] = False


class JpegError(Exception):
    """What is wrong with the file, in words."""


def check(raw: bytes) -> None:
    """JpegError unless the markers lead to the end of the image."""
    scans = 0
    for marker in _markers(raw):
        if marker == _END_OF_IMAGE:
            if not scans:
                raise JpegError("it has no pixels: no scan before its end marker")
            return
        if marker == _START_OF_IMAGE:
            raise JpegError("a second image starts inside")
        scans += marker == _START_OF_SCAN
    raise JpegError("it is cut off or damaged: no end marker is reached")


def _markers(raw: bytes) -> Iterator[int]:
    """The markers behind the first one; what a marker's length covers is skipped."""
    data = np.frombuffer(raw, np.uint8)
    starts = data[:-1] == 0xFF
    starts &= data[1:] != 0x00  # few are left, which NumPy then finds faster
    candidates = np.flatnonzero(starts)
    places = candidates[_IS_MARKER[data[candidates + 1]]].tolist()
    at = 2
    while (index := bisect.bisect_left(places, at)) < len(places):
        at = places[index] + 2
        marker = raw[at - 1]
        if marker not in (_END_OF_IMAGE, _START_OF_IMAGE, _TEMPORARY):
            length = int.from_bytes(raw[at : at + 2], "big")
            if length < 2:
                raise JpegError(f"marker {marker:02X} has the length {length}")
            at += length
        yield marker


def has_adobe_marker(raw: bytes) -> bool:
    """Whether Adobe's APP14 stands before the first scan."""
    return _ADOBE.search(raw[: raw.find(b"\xff\xda") + 1]) is not None
