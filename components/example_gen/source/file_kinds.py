"""What a file is that is no annotation and no image that can be read."""

from collections.abc import Callable, Iterator, Sequence

from components.example_gen.source.names import IMAGE_SUFFIXES, stem_of
from components.example_gen.source.storage import Entry, TooLargeError

LFS_POINTER, HEIC, AVIF = "git-lfs pointer", "heic", "avif"
_LFS_SIGNATURE = b"version https://git-lfs.github.com/spec/"
# Major brands of ISO/IEC 23008-12, annex B, and of the AV1 image format, section 6.
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_COCO_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_LOOKED_AT = 50  # files of a kind


def is_lfs_pointer(raw: bytes) -> bool:
    """Whether git-lfs has left its note instead of the file."""
    return raw.startswith(_LFS_SIGNATURE)


def foreign_kind(raw: bytes) -> str:
    """`LFS_POINTER`, `HEIC`, `AVIF`, or "" for anything else."""
    if is_lfs_pointer(raw):
        return LFS_POINTER
    if raw[4:8] != b"ftyp":
        return ""
    length = min(int.from_bytes(raw[:4], "big"), 256)
    # The major brand, a version, then the compatible brands.
    brands = [raw[at : at + 4] for at in range(8, length, 4) if at != 12]
    if _AVIF_BRANDS & set(brands):
        return AVIF
    return HEIC if _HEIC_BRANDS & set(brands) else ""


def foreign_annotations(
    entries: Sequence[Entry], read: Callable[[Entry], bytes]
) -> str:
    """What kind of annotations lie there instead of VOC's, with an example; or ""."""
    stems = {
        stem_of(e.name) for e in entries if e.name.lower().endswith(IMAGE_SUFFIXES)
    }
    for suffix, kind, fits in (
        (".txt", "YOLO's", _is_yolo),
        (".json", "COCO's", _is_coco),
    ):
        named = [entry for entry in entries if entry.name.lower().endswith(suffix)]
        if suffix == ".txt":
            named = [entry for entry in named if stem_of(entry.name) in stems]
        found = [name for name, raw in _contents(named[:_LOOKED_AT], read) if fits(raw)]
        if found:
            return f"{found[0]} is {kind}"
    return ""


def _contents(
    entries: Sequence[Entry], read: Callable[[Entry], bytes]
) -> Iterator[tuple[str, bytes]]:
    for entry in entries:
        try:
            yield entry.name, read(entry)
        except (TooLargeError, OSError):  # not to be known, so not to be named
            continue


def _is_yolo(raw: bytes) -> bool:
    """Lines of a class number and at least four fractions."""
    rows = [line.split() for line in raw.splitlines() if line.strip()]
    try:
        numbers = [[float(value) for value in row] for row in rows]
    except ValueError:
        return False
    fits = (
        len(row) >= 5 and row[0] % 1 == 0 and all(0 <= v <= 1 for v in row[1:5])
        for row in numbers
    )
    return bool(rows) and all(fits)


def _is_coco(raw: bytes) -> bool:
    return raw.lstrip().startswith(b"{") and all(key in raw for key in _COCO_KEYS)
