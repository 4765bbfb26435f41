"""Which images belong to which split, and where that is said."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from components.example_gen.plan.folder_splits import FolderSplits
from components.example_gen.plan.pairing import ReadBytes
from components.example_gen.source import image_sets
from components.example_gen.source.layouts import Group, Layout
from components.example_gen.source.names import NameIndex, base_of, stem_of
from components.example_gen.source.pair import Pair
from components.example_gen.source.split_words import TRAINVAL, split_named, split_words
from components.example_gen.source.storage import Entry
from schemas.user_error import UserError

_SHOWN = 3
_LIST_LIMIT_BYTES = 16 << 20


class SplitChoice:
    """The splits of a whole data set: from its image sets, else from its folders.

    `sets` holds the image sets of each group.
    """

    def __init__(
        self,
        layout: Layout,
        pairs: Sequence[Mapping[str, Pair]],
        names: Sequence[Mapping[str, str]],
        outside: Sequence[Entry],
        read: ReadBytes,
    ) -> None:
        self._layout = layout
        self._read = read
        self._groups = {
            group.home: (paired, ids)
            for group, paired, ids in zip(layout.groups, pairs, names, strict=True)
        }
        self._aliases = {
            home: _aliases(paired, ids) for home, (paired, ids) in self._groups.items()
        }
        self.sets = [self._read_sets(group) for group in layout.groups]
        self._sets = {g.home: s for g, s in zip(layout.groups, self.sets, strict=True)}
        self._folders = FolderSplits(
            pair for paired in pairs for pair in paired.values()
        )
        self._used: set[str] = set()  # folders that gave a split
        self._overruled: dict[str, str] = {}  # folder -> what a list says instead
        self._elsewhere = list(_lists_elsewhere(layout))
        # Image id -> its splits, where such lists may say other.
        self._split_of: dict[str, frozenset[str]] = {}
        # One set for all images that have the same splits: there are a handful.
        self._same: dict[frozenset[str], frozenset[str]] = {}

    def of_group(self, group: Group) -> Iterator[tuple[str, str, str]]:
        """Yields (image id, split, key).

        The split is "" where content decides, the key for a name that is only listed.
        """
        paired, names = self._groups[group.home]
        sets = self._sets[group.home]
        if not sets.splits:
            chosen: Iterable[tuple[str, str, str]] = self._by_folder(paired, names)
        else:
            chosen = _listed(sets, names, self._aliases[group.home])
        for image_id, split, key in chosen:
            if self._elsewhere:
                splits = self._split_of.get(image_id, frozenset()) | {split}
                self._split_of[image_id] = self._same.setdefault(splits, splits)
            if sets.splits and key:
                by_folder, folder = self._folders.split_of(paired[key])
                if by_folder not in {"", split}:
                    self._overruled[folder] = f"{image_id} is listed as {split}"
            yield image_id, split, key

    def _by_folder(
        self, paired: Mapping[str, Pair], names: Mapping[str, str]
    ) -> Iterator[tuple[str, str, str]]:
        for image_id, key in names.items():
            split, folder = self._folders.split_of(paired[key])
            self._used.add(folder)
            yield image_id, split, key

    def source(self) -> str:
        """Which lists and folders gave the splits, in words; "" where none did."""
        parts = []
        for group in self._layout.groups:
            sets = self._sets[group.home]
            if sets.splits:
                files = [base_of(group.sets[stem].name) for stem in sets.used]
                used = ", ".join(_few(files))
                folder = next(iter(group.sets.values())).name.rpartition("/")[0]
                parts.append(f"{folder} ({used})")
        folders = sorted(self._used - {""})
        if folders:
            parts.append(f"folder names ({', '.join(_few(folders))})")
        return "; ".join(parts)

    def unused(self, images_outside: Sequence[Entry]) -> list[tuple[str, str]]:
        """Lists and folders that look like a split and are not used, and why."""
        found = [
            (f"{group.sets[stem].name}", why)
            for group, sets in zip(self._layout.groups, self.sets, strict=True)
            for stem, why in sets.unused
        ]
        found += [(f"{name}/", why) for name, why in sorted(self._overruled.items())]
        if not all(sets.splits for sets in self.sets):
            found += [
                (f"{name}/", "no other folder names another split")
                for name in sorted(self._folders.seen - self._used)
            ]
        found += self._lists_that_say_other()
        folders = {entry.name.rpartition("/")[0] for entry in images_outside}
        found += [
            (f"{folder}/", "no annotation is about a picture there")
            for folder in sorted(folders)
            if split_words(folder.rpartition("/")[2])
        ]
        return found

    def _read_sets(self, group: Group) -> image_sets.ImageSets:
        _, names = self._groups[group.home]
        known = NameIndex(chain(names, names.values(), self._aliases[group.home]))
        files = {stem: self._read(entry) for stem, entry in group.sets.items()}
        sets = image_sets.read_sets(files, known)
        listed = [name for split in sets.splits.values() for name in split]
        if listed and names and not any(name in known for name in listed):
            self._refuse(group, files, names)
        return sets

    def _refuse(
        self, group: Group, files: Mapping[str, bytes], names: Mapping[str, str]
    ) -> None:
        """UserError: the lists name nothing that is there."""
        stem, raw = max(files.items(), key=lambda file: len(file[1]))
        lines = image_sets.read_lines(raw)
        raise UserError(
            f"the image sets name no image that is there: {group.sets[stem].name} "
            f"lists {_quoted(lines)}; there are {_quoted(sorted(names))}; a line is "
            "a file's name without its suffix"
        )

    def _lists_that_say_other(self) -> Iterator[tuple[str, str]]:
        """Lists outside ImageSets/Main that say other than what is used."""
        if not self._elsewhere:
            return
        stems = {base_of(k) for paired, _ in self._groups.values() for k in paired}
        known = NameIndex({*self._split_of, *stems})
        for entry, stem in self._elsewhere:
            if stem not in stems:
                found = image_sets.read_list(stem, self._read(entry), known)
                if self._says_other(found, split_named(stem)):
                    yield entry.name, "lists are read from ImageSets/Main"

    def _says_other(self, found: image_sets.ImageList, split: str) -> bool:
        """Whether a list has an image that is not in the split it gives."""
        wanted = {"train", "eval"} if split == TRAINVAL else {split}
        return any(
            not self._split_of.get(name, wanted) & wanted for name in found.names
        )


def _lists_elsewhere(layout: Layout) -> Iterator[tuple[Entry, str]]:
    """Text files outside ImageSets/Main that may list a split, and their stems."""
    has_sets = any(group.sets for group in layout.groups)
    for entry in layout.texts:
        folder = entry.name.lower().rpartition("/")[0]
        # ImageSets/Layout and so on are those of VOC's other tasks.
        other_task = "imagesets/" in folder and "/main" not in folder and has_sets
        stem = base_of(entry.name)[: -len(".txt")]
        if split_named(stem) and not other_task and entry.size <= _LIST_LIMIT_BYTES:
            yield entry, stem


def _listed(
    sets: image_sets.ImageSets, names: Mapping[str, str], aliases: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yields (image id, split, key); key "" for a listed name that is not there."""
    ids = {key: image_id for image_id, key in names.items() if image_id != key}
    for split, listed in sorted(sets.splits.items()):
        for name in listed:
            key = names.get(name) or (name if name in ids else aliases.get(name, ""))
            yield ids.get(key, key) if key else name, split, key


def _aliases(paired: Mapping[str, Pair], names: Mapping[str, str]) -> dict[str, str]:
    """Stems of annotations, and of their images, that only one pair has -> its key.

    Those that are an image's id are not among them.
    """
    stems = Counter(base_of(key) for key in names.values())
    aliases = {
        stem: key
        for key in names.values()
        if (stem := base_of(key)) not in names and stems[stem] == 1
    }
    others: dict[str, set[str]] = {}
    for key in names.values():
        image = paired[key].image
        stem = "" if image is None else stem_of(image.name)
        if image is not None and stem not in stems:
            others.setdefault(stem, set()).add(key)
    more = {stem: keys.pop() for stem, keys in others.items() if len(keys) == 1}
    return aliases | more


def _few(names: Sequence[str], shown: int = 8) -> list[str]:
    more = [f"and {len(names) - shown} more"] if len(names) > shown else []
    return [*names[:shown], *more]


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
