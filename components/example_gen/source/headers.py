"""Size and orientation of an image file, without reading all of it."""

from typing import NamedTuple

from components.example_gen.source import image, storage

_HEAD_BYTES = (
    1 << 16
)  # holds the header of most files; EXIF and colour profiles grow it


class Shape(NamedTuple):
    """What frames of boxes depend on."""

    size: tuple[int, int]  # width, height as stored
    exif_orientation: int


def read_shape(entry: storage.Entry, max_bytes: int) -> Shape | None:
    """Shape of a JPEG or PNG; None where it is neither or its header makes no sense."""
    if entry.size <= max_bytes:
        for limit in (_HEAD_BYTES, entry.size):
            raw = _head(entry, min(limit, entry.size))
            content = image.sniff(raw)
            if content not in {"jpeg", "png"}:
                return None
            try:
                header = image.header_of(image.open_image(raw, content), content, raw)
                return Shape((header.width, header.height), header.exif_orientation)
            except image.ImageError:  # perhaps it goes on behind what was read
                continue
    return None


def _head(entry: storage.Entry, size: int) -> bytes:
    with storage.open_read(entry.path) as file:
        file.seek(max(entry.offset, 0))
        return file.read(size)
