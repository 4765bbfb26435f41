"""Which way a picture file is to be seen: EXIF's tag Orientation, read from the bytes.

Ingest decides with it in which frame boxes lie, and the model's graph turns pictures by
`trainer/image/upright.py`: a second reading of the same rules, which tests hold against
this one on damaged files, too. So no box lies in another frame than its picture.
"""

from typing import Literal

# Segments or chunks that are looked through; a colour profile takes 255 at most.
MOST_BLOCKS = 1 << 12
TAG, SHORT, LONG = 0x0112, 3, 4
ENTRY_BYTES = 12  # tag 2, type 2, count 4, value 4
JPEG_START, PNG_START = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
# ITU-T T.81, table B.1; 0xFF may be repeated in front of a marker
FILL, APP1, START_OF_SCAN, END_OF_IMAGE = 0xFF, 0xE1, 0xDA, 0xD9
JPEG_NAME, PNG_NAME = b"Exif\0\0", b"eXIf"
LITTLE_ENDIAN, BIG_ENDIAN = b"II*\0", b"MM\0*"


def exif_orientation(encoded: bytes) -> int:
    """Of a JPEG or PNG file: 1..8 as Exif 2.3, section 4.6.4, has it; 1 without any.

    The first block in front of the pixels counts. One that makes no sense says nothing.
    """
    if encoded.startswith(JPEG_START):
        start = _in_jpeg(encoded)
    elif encoded.startswith(PNG_START):
        start = _in_png(encoded)
    else:
        return 1
    return _of_first_directory(encoded, start)


def _in_jpeg(raw: bytes) -> int:
    """Where the block starts, or the end of the file."""
    at = len(JPEG_START)
    for _ in range(MOST_BLOCKS):
        head = raw[at : at + 10]
        if len(head) < 2 or head[0] != 0xFF or head[1] in {START_OF_SCAN, END_OF_IMAGE}:
            break
        if head[1] == FILL:
            at += 1
            continue
        if head[1] == APP1 and head[4:] == JPEG_NAME:
            return at + 10
        size = int.from_bytes(head[2:4])
        if size < 2:
            break
        at += 2 + size
    return len(raw)


def _in_png(raw: bytes) -> int:
    """The same of chunks: size of the data, type, data, 4 bytes of a checksum."""
    at = len(PNG_START)
    for _ in range(MOST_BLOCKS):
        size, kind = int.from_bytes(raw[at : at + 4]), raw[at + 4 : at + 8]
        if kind == PNG_NAME:
            return at + 8
        if len(kind) < 4 or kind == b"IDAT":
            break
        at += size + 12
    return len(raw)


def _of_first_directory(raw: bytes, start: int) -> int:
    """The tag's value in the first directory of a TIFF header; 1 if it has none."""
    magic = raw[start : start + 4]
    if magic not in {LITTLE_ENDIAN, BIG_ENDIAN}:
        return 1
    order: Literal["little", "big"] = "little" if magic == LITTLE_ENDIAN else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(raw[at : at + size], order)

    directory = start + number(start + 4, 4)
    whole = max(0, len(raw) - directory - 2) // ENTRY_BYTES  # that are still there
    for index in range(min(number(directory, 2), whole)):
        entry = directory + 2 + index * ENTRY_BYTES
        kind, count = number(entry + 2, 2), number(entry + 4, 4)
        if number(entry, 2) == TAG and kind in {SHORT, LONG} and count == 1:
            value = number(entry + 8, 2 if kind == SHORT else 4)
            return value if 1 <= value <= 8 else 1
    return 1
