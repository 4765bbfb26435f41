"""The markers of a JPEG: whether libjpeg finds the end of the image.

Pillow stops with the last row of pixels. TensorFlow reads on to the end marker, and
fails where the file ends first. (ITU-T T.81, annex B.)
"""

import re

# A marker that ends entropy coded data: neither a stuffed zero nor a restart.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_ADOBE = re.compile(rb"\xff\xee..Adobe", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, 0xD8}  # TEM, SOI


class JpegError(Exception):
    """What is wrong with the file, in words."""


def check(raw: bytes) -> None:
    """JpegError unless the markers lead to the end of the image."""
    at, scans = 2, 0
    while found := _MARKER.search(raw, at):
        marker, at = found.group(1)[0], found.end()
        if marker == _END_OF_IMAGE:
            if not scans:
                raise JpegError("it has no pixels: no scan before its end marker")
            return
        if marker in _WITHOUT_LENGTH:
            if marker == 0xD8:
                raise JpegError("a second image starts inside")
            continue
        length = int.from_bytes(raw[at : at + 2], "big")
        if length < 2:
            raise JpegError(f"marker {marker:02X} has the length {length}")
        scans += marker == _START_OF_SCAN
        at += length
    raise JpegError("it is cut off: the end marker is missing")


def has_adobe_marker(raw: bytes) -> bool:
    """Whether Adobe's APP14 stands before the first scan."""
    return _ADOBE.search(raw[: raw.find(b"\xff\xda") + 1]) is not None
