"""Image bytes -> what they are, without trusting the name or the header."""

import io
import math
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin

from components.example_gen.source import jpeg_file, png_file
from components.example_gen.source.file_kinds import foreign_kind
from components.example_gen.source.fingerprint import fingerprint
from schemas.exif_orientation import exif_orientation

_SIGNATURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"P2", "pgm"),
    (b"P3", "ppm"),
    (b"P5", "pgm"),
    (b"P6", "ppm"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg 2000"),
    (b"<", "markup"),
)
_LEVELS = np.arange(256) / 255  # luma 0..1 of each histogram bin
# What Pillow raises on foreign bytes (found by tests/fuzz); anything else is a defect.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class ImageError(Exception):
    """The bytes do not decode; the message says where it ended."""


class Header(NamedTuple):
    """What the header says: size in pixels, Pillow's mode, extras."""

    image_format: str  # "jpeg" or "png"
    width: int
    height: int
    mode: str  # of the stored image: RGB, L, CMYK, P, LA, RGBA, I;16 ...
    transparent: bool
    exif_orientation: int  # 1 is upright, also where there is no EXIF
    bit_depth: int = 8  # bits per channel as stored
    adobe: bool = True  # a CMYK JPEG says how its ink counts
    unsound_chunks: tuple[str, ...] = ()  # of a PNG, beside its pixels


class Luma(NamedTuple):
    """Mean and standard deviation of luma in 0..1; highest value of any channel.

    `peak` is in 0..255, and measured only where a channel has 16 bits; `mark` is the
    picture's fingerprint.
    """

    brightness: float
    contrast: float
    peak: int = 255
    mark: bytes = b""


def sniff(raw: bytes) -> str:
    """Format of the content by its first bytes; "" where it is none we know."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "webp"
    for signature, name in _SIGNATURES:
        if raw.startswith(signature):
            return name
    return foreign_kind(raw)


def open_image(raw: bytes, image_format: str) -> Image.Image:
    """Reads the header only. The plugin is named, so nothing is guessed."""
    try:
        if image_format == "jpeg":
            image = JpegImagePlugin.JpegImageFile(io.BytesIO(raw))
            image.decodermaxblock = len(raw)  # all at once to libjpeg, not by 64 KiB
            return image
        return PngImagePlugin.PngImageFile(io.BytesIO(png_file.for_pillow(raw)))
    except _PILLOW_ERRORS as error:
        raise ImageError(_one_line(error)) from error


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200]


def check_whole(raw: bytes, image_format: str) -> None:
    """ImageError where the file's structure would stop the input pipeline's decoder.

    That one is stricter than Pillow about ends and checksums, see `png_file` and
    `jpeg_file`; tests/fuzz/fuzz_decoding.py holds the two against each other.
    """
    try:
        if image_format == "jpeg":
            jpeg_file.check(raw)
        else:
            png_file.check(raw)
    except (jpeg_file.JpegError, png_file.PngError) as error:
        raise ImageError(f"{image_format.upper()}: {error}") from error


def header_of(image: Image.Image, image_format: str, raw: bytes) -> Header:
    """Header of an image that was opened and not yet decoded."""
    width, height = image.size
    png = image_format == "png"
    return Header(
        image_format=image_format,
        width=width,
        height=height,
        mode=image.mode,
        transparent="transparency" in image.info or image.mode in {"LA", "RGBA", "PA"},
        exif_orientation=exif_orientation(raw),
        bit_depth=png_file.bit_depth(raw) if png else 8,
        adobe=image.mode != "CMYK" or jpeg_file.has_adobe_marker(raw),
        unsound_chunks=png_file.unsound_chunks(raw) if png else (),
    )


def decode_luma(image: Image.Image, bit_depth: int = 8) -> Luma:
    """Reads the image to its end and measures luma; ImageError where it breaks off.

    Luma is measured on averages of 4 x 4 pixels (single pixels in small images). For
    a JPEG libjpeg makes those itself: it still decodes all of the entropy coded data
    and saves what nobody looks at (0.9 instead of 1.6 ms for a VOC image). What libjpeg
    and Pillow let pass, `jpeg_file` and `png_file` look for.
    """
    width, height = image.size
    reduction = 4 if min(width, height) >= 64 else 1
    try:
        image.draft("L", (width // reduction, height // reduction))
        image.load()
        peak = _peak(image) if bit_depth > 8 else 255
        plane = image if image.mode == "L" else _to_luma(image)
        if plane.size == (width, height) and reduction > 1:
            plane = plane.reduce(reduction)
        counts = np.array(plane.histogram(), np.float64)
        mark = fingerprint(plane)
    except _PILLOW_ERRORS as error:
        raise ImageError(_one_line(error)) from error
    shares = counts / counts.sum()
    mean = float(shares @ _LEVELS)
    variance = float(shares @ (_LEVELS - mean) ** 2)
    return Luma(mean, math.sqrt(variance), peak, mark)


def _peak(image: Image.Image) -> int:
    """Highest value of any channel, as the 8 bits that are left of 16."""
    if image.mode.startswith("I"):
        return int(np.asarray(image).max()) >> 8
    return int(np.asarray(image.convert("RGB")).max())


def _to_luma(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits per channel: Pillow would clip, not scale
        return image.point(lambda value: value / 257).convert("L")
    if image.mode in {"P", "PA", "CMYK", "1", "LA"}:
        image = image.convert("RGB")
    return image.convert("L")


def to_rgb(image: Image.Image) -> Image.Image:
    """Decodes to RGB; ImageError where that fails."""
    try:
        if image.mode.startswith("I"):
            return _to_luma(image).convert("RGB")
        return image.convert("RGB")
    except _PILLOW_ERRORS as error:
        raise ImageError(_one_line(error)) from error
