"""ImageSets/Main/*.txt: which image belongs to which split."""

import codecs
import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping

from components.example_gen.source.names import FLAGS, NameIndex, name_in
from components.example_gen.source.split_words import (
    TRAINVAL,
    exact_split,
    split_named,
    split_words,
)


@dataclasses.dataclass(frozen=True)
class ImageList:
    """One list: its lines, and the split that the words in its name stand for."""

    stem: str
    lines: tuple[str, ...]
    known: NameIndex

    @property
    def split(self) -> str:
        """`train`, `eval`, `test`, `trainval`, or "" where its name says none."""
        return split_named(self.stem)

    @property
    def exact(self) -> bool:
        """Whether its name is the split's word and nothing else."""
        return bool(exact_split(self.stem))

    @functools.cached_property
    def by_class(self) -> bool:
        """Whether it is `aeroplane_train.txt`."""
        return is_class_set(self.stem, self.lines)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The name that each line means."""
        return tuple(name_in(line, self.known) for line in self.lines)


@dataclasses.dataclass(frozen=True)
class ImageSets:
    """What the sets of one data set list.

    `splits` holds split -> names in listed order; "" stands for names listed only in
    sets that are no split (trainval, default), to be split by content. `twice` holds
    (split, name) listed more than once in one set, `empty` the sets without a name,
    `unused` (stem, why) of sets that look like a split and are none, `written` name ->
    the line of the list, of names found by case or Unicode form alone.
    """

    splits: Mapping[str, tuple[str, ...]]
    used: tuple[str, ...] = ()
    twice: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    written: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read_lines(raw: bytes) -> list[str]:
    """Lines of a set: BOM, CRLF, blanks around a name and empty lines do not count.

    With a BOM that says so it is UTF-16, as PowerShell writes what is redirected.
    """
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = raw.decode("utf-16", "replace")
    else:
        text = raw.decode("utf-8-sig", "surrogateescape")
    lines = (line.strip() for line in text.replace("\r", "\n").split("\n"))
    return [line for line in lines if line]


def is_class_set(stem: str, lines: Collection[str]) -> bool:
    """Whether it is `aeroplane_train.txt`: names with 1, 0 or -1 in a second column.

    A plain split in two columns (`train.txt`) is none: its name says what it is.
    """
    if exact_split(stem):
        return False
    columns = [line.split() for line in lines]
    return bool(lines) and all(len(c) > 1 and c[-1] in FLAGS for c in columns)


def read_list(stem: str, raw: bytes, known: NameIndex) -> ImageList:
    """A list's content and the names that exist -> what it lists, of which split."""
    return ImageList(stem, tuple(read_lines(raw)), known)


def read_sets(files: Mapping[str, bytes], known: NameIndex) -> ImageSets:
    """Set files (stem -> content) and the names that exist -> who is in which split."""
    lists = [read_list(stem, raw, known) for stem, raw in sorted(files.items())]
    used, unused = _choose([entry for entry in lists if entry.lines])
    listed: dict[str, dict[str, None]] = {}
    others: dict[str, None] = {}
    twice: list[tuple[str, str]] = []
    written: dict[str, str] = {}
    for entry in used:
        split = "" if entry.split == TRAINVAL else entry.split
        into = listed.setdefault(split, {}) if split else others
        here: set[str] = set()
        for line, name in zip(entry.lines, entry.names, strict=True):
            if name in here:
                twice.append((split, name))
            here.add(name)
            into[name] = None
            if name in known and name not in line.replace("\\", "/"):
                written[name] = line
    return ImageSets(
        _with_others(listed, others),
        tuple(entry.stem for entry in used),
        tuple(twice),
        tuple(entry.stem for entry in lists if not entry.lines),
        tuple(unused),
        written,
    )


def _choose(
    lists: Iterable[ImageList],
) -> tuple[list[ImageList], list[tuple[str, str]]]:
    """The lists that decide, and (stem, why not) of those that look as if they did.

    A name that is the split's word alone (`train.txt`) comes before one that holds it
    (`train2017.txt`), and any of these before the lists of single classes, which stand
    in where they are all there is; of several of one rank their union counts.
    """
    plain = [entry for entry in lists if not entry.by_class]
    classes = [entry for entry in lists if entry.by_class]
    used: list[ImageList] = []
    unused: list[tuple[str, str]] = []
    exact = {entry.split for entry in plain if entry.exact}
    for entry in plain:
        if entry.exact or entry.split not in exact - {TRAINVAL}:
            used.append(entry)
        elif not _within(entry, plain):
            unused.append((entry.stem, f"{_of_split(plain, entry.split)} decides"))
        if not entry.split and len(split_words(entry.stem)) > 1:
            unused.append((entry.stem, "its name names several splits"))
    splits = {entry.split for entry in used} - {"", TRAINVAL}
    if not splits and any(entry.split for entry in classes):
        return [*used, *(entry for entry in classes if entry.split)], unused
    for entry in classes if splits else ():
        if entry.split not in splits | {"", TRAINVAL} and not _within(entry, plain):
            others = ", ".join(f"{other.stem}.txt" for other in used)
            unused.append((entry.stem, f"{others} decides"))
    return used, unused


def _within(entry: ImageList, plain: Iterable[ImageList]) -> bool:
    """Whether other lists that decide already put all of its names into its split."""
    listed = [o.names for o in plain if o.exact and o.split == entry.split]
    return set(entry.names) <= {name for names in listed for name in names}


def _of_split(lists: Iterable[ImageList], split: str) -> str:
    return next(f"{o.stem}.txt" for o in lists if o.exact and o.split == split)


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
