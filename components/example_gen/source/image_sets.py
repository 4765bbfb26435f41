"""ImageSets/Main/*.txt: which image belongs to which split."""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

# The names by which data sets in the wild call the splits that TFX knows as these.
SPLIT_OF_SET = {
    "train": "train",
    "training": "train",
    "val": "eval",
    "valid": "eval",
    "validation": "eval",
    "eval": "eval",
    "test": "test",
    "testing": "test",
}
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
_FLAGS = {"-1", "0", "1"}


@dataclasses.dataclass(frozen=True)
class ImageSets:
    """What the sets of one data set list.

    `splits` holds split -> names in listed order; "" stands for names listed only in
    sets that are no split (trainval, default), to be split by content. `twice` holds
    (split, name) listed more than once in one set, `empty` the sets without a name.
    """

    splits: Mapping[str, tuple[str, ...]]
    twice: tuple[tuple[str, str], ...]
    empty: tuple[str, ...]


def read_lines(raw: bytes) -> list[str]:
    """Lines of a set: BOM, CRLF, blanks around a name and empty lines do not count."""
    text = raw.decode("utf-8-sig", "surrogateescape")
    lines = (line.strip() for line in text.replace("\r", "\n").split("\n"))
    return [line for line in lines if line]


def is_class_set(stem: str, lines: Collection[str]) -> bool:
    """Whether it is `aeroplane_train.txt`: names with 1, 0 or -1 in a second column.

    A plain split in two columns (`train.txt`) is none: its name says what it is.
    """
    if stem.lower() in SPLIT_OF_SET or stem.lower() == "trainval":
        return False
    flagged = [line for line in lines if line.split()[-1] in _FLAGS and " " in line]
    return bool(lines) and len(flagged) == len(lines)


def name_in(line: str, known: Collection[str]) -> str:
    """The image a line names, given the names that exist; the line where none fits.

    Tried in turn: the line itself (names may hold blanks), without a second column,
    without an image suffix, without leading directories.
    """
    if line in known:
        return line
    candidates = [line]
    head, _, flag = line.replace("\t", " ").rpartition(" ")
    if head and flag in _FLAGS:
        candidates.append(head.strip())
    for candidate in tuple(candidates):
        path = PurePosixPath(candidate)
        if path.suffix.lower() in IMAGE_SUFFIXES:
            candidates += [str(path.with_suffix("")), path.stem]
        candidates.append(path.name)
    fitting = (candidate for candidate in candidates if candidate in known)
    return next(fitting, candidates[1] if head and flag in _FLAGS else line)


def read_sets(files: Mapping[str, bytes], known: Collection[str]) -> ImageSets:
    """Set files (stem -> content) and the names that exist -> who is in which split."""
    listed: dict[str, dict[str, None]] = {}
    others: dict[str, None] = {}
    twice: list[tuple[str, str]] = []
    empty = []
    for stem, raw in sorted(files.items()):
        lines = read_lines(raw)
        if not lines:
            empty.append(stem)
        if is_class_set(stem, lines):
            continue
        split = SPLIT_OF_SET.get(stem.lower(), "")
        into = listed.setdefault(split, {}) if split else others
        here: set[str] = set()
        for line in lines:
            name = name_in(line, known)
            if name in here:
                twice.append((split, name))
            here.add(name)
            into[name] = None
    return ImageSets(_with_others(listed, others), tuple(twice), tuple(empty))


def _with_others(
    listed: dict[str, dict[str, None]], others: dict[str, None]
) -> dict[str, tuple[str, ...]]:
    """Adds names that only trainval and the like hold.

    Beside a train set alone they are its val set, and the other way round; otherwise
    nobody has said, and content decides.
    """
    taken = {name for names in listed.values() for name in names}
    left = [name for name in others if name not in taken]
    splits = {split: tuple(names) for split, names in listed.items() if names}
    if left:
        have = {"train", "eval"} & set(splits)
        split = {"train": "eval", "eval": "train"}[have.pop()] if len(have) == 1 else ""
        splits[split] = tuple(left)
    return splits
