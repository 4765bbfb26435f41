"""The chunks of a PNG: whether libpng, and so TensorFlow, reads it to its end.

Pillow is content without IEND, with fewer rows or a wrong checksum in IDAT; and refuses
over a text chunk's, which libpng leaves out. (PNG specification, third edition.)
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
# What Pillow needs for pixels and orientation; the rest can only be in its way.
_KEPT = _CRITICAL | {b"tRNS", b"eXIf"}
_HARMLESS = _KEPT | {b"pHYs", b"gAMA", b"cHRM", b"sRGB"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MAX_SIDE = 1_000_000  # libpng's own limits
_MAX_CHUNK_BYTES = 8_000_000
_READ_BYTES = 1 << 20
_MAX_SURPLUS_BYTES = 1 << 26  # of pixels beyond the last row, which decoders leave out
# Adam7: column and row of a pass's first pixel, then the steps.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)


class PngError(Exception):
    """What is wrong with the file, in words."""


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of the length
    end: int  # behind the checksum


def bit_depth(raw: bytes) -> int:
    """Bits per channel, by the header; 0 where there is none."""
    return raw[24] if len(raw) > 24 else 0


def for_pillow(raw: bytes) -> bytes:
    """The same picture without the chunks that Pillow alone stumbles over.

    A file that is broken otherwise comes back as it is: `check` says how.
    """
    try:
        chunks = list(_chunks(raw))
    except PngError:
        return raw
    if all(_is_harmless(raw, chunk) for chunk in chunks):
        return raw
    view = memoryview(raw)
    kept = [
        view[chunk.start : chunk.end]
        for chunk in chunks
        if chunk.name in _CRITICAL or (chunk.name in _KEPT and _is_usable(raw, chunk))
    ]
    return b"".join([SIGNATURE, *kept])


def _is_usable(raw: bytes, chunk: _Chunk) -> bool:
    """Whether Pillow reads a chunk beside the pixels: sound, and tRNS of its length."""
    if not _is_sound(raw, chunk):
        return False
    due = {0: 2, 2: 6}.get(raw[25]) if chunk.name == b"tRNS" else None
    return due is None or chunk.end - chunk.start - 12 == due


def _is_harmless(raw: bytes, chunk: _Chunk) -> bool:
    # Checksums of critical chunks are `check`'s business, and Pillow's.
    usable = chunk.name in _CRITICAL or _is_usable(raw, chunk)
    return usable and chunk.name in _HARMLESS


def _is_sound(raw: bytes, chunk: _Chunk) -> bool:
    """Whether a chunk's checksum is right; it is over name and data."""
    stated = int.from_bytes(raw[chunk.end - 4 : chunk.end], "big")
    return zlib.crc32(memoryview(raw)[chunk.start + 4 : chunk.end - 4]) == stated


def unsound_chunks(raw: bytes) -> tuple[str, ...]:
    """Names of the chunks beside the pixels whose checksum is wrong."""
    try:
        found = [chunk for chunk in _chunks(raw) if chunk.name not in _CRITICAL]
    except PngError:
        return ()
    return tuple(chunk.name.decode() for chunk in found if not _is_sound(raw, chunk))


def check(raw: bytes) -> None:
    """PngError unless all of it is there: chunks, checksums, rows, the end."""
    chunks = list(_chunks(raw))
    names = [chunk.name for chunk in chunks]
    for chunk in chunks:
        if chunk.name in _CRITICAL and not _is_sound(raw, chunk):
            raise PngError(f"the checksum of {chunk.name.decode()} is wrong")
    width, height, depth, color, _, _, interlaced = struct.unpack(
        ">IIBBBBB", raw[16:29]
    )
    if max(width, height) > _MAX_SIDE:
        raise PngError(f"a side is longer than {_MAX_SIDE} pixels")
    if color == 3 and b"PLTE" not in names[: names.index(b"IDAT")]:
        raise PngError("it has palette colours and no PLTE")
    view = memoryview(raw)
    parts = [view[c.start + 8 : c.end - 4] for c in chunks if c.name == b"IDAT"]
    bits = depth * _CHANNELS.get(color, 0)
    _check_pixels(parts, _pixel_bytes(width, height, bits, interlaced))


def _chunks(raw: bytes) -> Iterator[_Chunk]:
    """Every chunk up to IEND; PngError where they are cut off or out of order."""
    at = len(SIGNATURE)
    names: list[bytes] = []
    while not names or names[-1] != b"IEND":
        if at + 12 > len(raw):
            raise PngError("it is cut off: the last chunk, IEND, is missing")
        length, name = struct.unpack_from(">I4s", raw, at)
        end = at + 12 + length
        if not (name.isalpha() and name.isascii()):
            raise PngError(f"there is no chunk where one is due, at byte {at}")
        if end > len(raw):
            raise PngError(f"it is cut off within {name.decode()}")
        _check_place(name, length, names)
        names.append(name)
        yield _Chunk(name, at, end)
        at = end


def _check_place(name: bytes, length: int, before: list[bytes]) -> None:
    shown = name.decode()
    if (name == b"IHDR") != (not before) or (name == b"IHDR" and length != 13):
        raise PngError("the header, IHDR, is not the first chunk, or not the only one")
    if name[:1].isupper() and name not in _CRITICAL:
        raise PngError(f"{shown} is a critical chunk that PNG does not know")
    if name == b"IDAT" and b"IDAT" in before and before[-1] != b"IDAT":
        raise PngError("IDAT chunks do not follow one another")
    if name == b"PLTE" and (b"PLTE" in before or length % 3 or length > 768):
        raise PngError("PLTE is there twice, or no list of colours")
    if name == b"IEND" and b"IDAT" not in before:
        raise PngError("it has no pixels: no IDAT")
    if name != b"IDAT" and length > _MAX_CHUNK_BYTES:
        raise PngError(f"{shown} is larger than {_MAX_CHUNK_BYTES} bytes")


def _pixel_bytes(width: int, height: int, bits: int, interlaced: int) -> int:
    """Bytes of all rows before compression, filter bytes included."""
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, step_x, step_y in passes:
        columns = max(-(-(width - left) // step_x), 0)
        rows = max(-(-(height - top) // step_y), 0)
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _check_pixels(parts: list[memoryview], expected: int) -> None:
    """Unpacks the pixels without keeping them: enough, and a right checksum."""
    unpacking, found = zlib.decompressobj(), 0
    try:
        for part in parts:
            pending: bytes | memoryview = part
            while pending and not unpacking.eof:
                found += len(unpacking.decompress(pending, _READ_BYTES))
                pending = unpacking.unconsumed_tail
                if found > expected + _MAX_SURPLUS_BYTES:
                    raise PngError("it has far more pixels than the header says")
    except zlib.error as error:
        raise PngError(f"its pixels do not unpack: {error}") from error
    if found < expected:
        raise PngError(f"it has {found} bytes of pixels where {expected} are due")
    if not unpacking.eof:
        raise PngError("the end of its pixels is missing")
