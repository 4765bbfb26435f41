"""Names of images: as lists and annotations write them, against those that exist."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp"),
    *(".tif", ".tiff", ".heic", ".heif", ".avif"),
    *(".ppm", ".pgm", ".pnm", ".jp2"),
)
FLAGS = frozenset({"-1", "0", "1"})
_SUFFIXES = frozenset({".xml", *IMAGE_SUFFIXES})
_PATH_PARTS = re.compile(r"[/\\]|^[A-Za-z]:")
_QUOTES = "\"'"
_TOKEN = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^\s,;]+)')


def fold(name: str) -> str:
    """Equal for names that differ by case or by Unicode form (NFC, NFD) alone."""
    return unicodedata.normalize("NFC", name).casefold()


def last_part(path: str) -> str:
    """File name of a path with either kind of slash; a drive does not count."""
    return _PATH_PARTS.split(path.strip())[-1]


def suffix_of(name: str) -> str:
    """Suffix of a path with its dot, as pathlib has it: none of `.a`, none of `a.`."""
    base = name[name.rfind("/") + 1 :]
    dot = base.rfind(".")
    return base[dot:] if 0 < dot < len(base) - 1 else ""


def stem_of(name: str) -> str:
    """Last part of a path of either kind of slash, without its suffix."""
    base = last_part(name)
    return base[: len(base) - len(suffix_of(base))]


def base_of(key: str) -> str:
    """Last part of a key, which is a path less its suffix."""
    return key.rpartition("/")[2]


class NameIndex:
    """Names that exist; finds one as it is written, then by `fold` where unique."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name: name for name in names}
        self._folded: dict[str, list[str]] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def own(self, name: str) -> str:
        """A name that is known, as the text that is kept here: lists repeat it."""
        return self._names[name]

    def like(self, name: str) -> str:
        """The one name that differs by case or Unicode form alone; "" where none."""
        if self._folded is None:
            self._folded = defaultdict(list)
            for known in self._names:
                self._folded[fold(known)].append(known)
        found = self._folded.get(fold(name), [])
        return found[0] if len(found) == 1 else ""


def name_in(line: str, known: NameIndex) -> str:
    """The image a line of a list names; the line less its flag where none fits.

    Tried in turn: the line itself (names may hold blanks), without quotes, without a
    second column, as a path of either kind of slash with and without its suffix and
    leading folders; then its columns, as far as they are file names; then all of these
    by case and Unicode form.
    """
    if line in known:
        return known.own(line)
    candidates = list(dict.fromkeys(_readings(line)))
    for candidate in candidates:
        if candidate in known:
            return candidate
    likes = (known.like(candidate) for candidate in candidates)
    return next((name for name in likes if name), _without_flag(line))


def _without_flag(line: str) -> str:
    head, _, flag = line.replace("\t", " ").rpartition(" ")
    bare = head.strip() if head and flag in FLAGS else line
    return bare.strip(_QUOTES).strip() or line


def _readings(line: str) -> Iterator[str]:
    yield line
    yield from _as_path(line.strip(_QUOTES))
    yield from _as_path(_without_flag(line))
    for quoted, single, plain in _TOKEN.findall(line):
        token = quoted or single or plain
        # "img 3" is one name, not the image "img": a column is a file's name.
        if quoted or single or suffix_of(token).lower() in _SUFFIXES:
            yield from _as_path(token)


def _as_path(text: str) -> Iterator[str]:
    """A path and its tails, longest first, each with and without a known suffix."""
    parts = [part for part in text.strip().replace("\\", "/").split("/") if part]
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        yield tail
        if suffix_of(tail).lower() in _SUFFIXES:
            yield tail[: -len(suffix_of(tail))]
