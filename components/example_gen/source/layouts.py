"""Sorts the files of a data set by what they are, whatever its layout.

Known are VOCdevkit (one year or several), Annotations/JPEGImages with or without
ImageSets, annotations/images, XML beside the images, directories named after splits,
and a tar of any of these.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence

from components.example_gen.source.names import IMAGE_SUFFIXES, suffix_of
from components.example_gen.source.storage import Entry

ANNOTATION_DIRS = ("annotations", "annotation", "xmls", "xml")
IMAGE_DIRS = ("jpegimages", "images", "image", "imgs", "img", "pngimages")


@dataclasses.dataclass
class Group:
    """One data set (one year of a devkit): files by key, key = path less suffix.

    `folders` holds what may be its images: directory -> key -> pictures of that key.
    """

    home: str  # "" or "VOCdevkit/VOC2007/"
    annotations: dict[str, Entry] = dataclasses.field(default_factory=dict)
    spare_annotations: dict[str, list[Entry]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )
    folders: dict[str, dict[str, tuple[Entry, ...]]] = dataclasses.field(
        default_factory=lambda: defaultdict(dict)
    )
    sets: dict[str, Entry] = dataclasses.field(default_factory=dict)

    def add_annotation(self, key: str, entry: Entry) -> None:
        """A second annotation of one key (a.xml, a.XML) loses to the first."""
        if key in self.annotations:
            self.spare_annotations[key].append(entry)
        else:
            self.annotations[key] = entry


@dataclasses.dataclass
class Layout:
    """The data sets, and the files that belong to none of them."""

    groups: list[Group]
    annotations: list[Entry]  # outside every data set
    images: list[Entry]
    texts: list[Entry]  # .txt files that are no image sets


def find_layout(entries: Sequence[Entry]) -> Layout:
    """Sorts files into data sets."""
    homes = _annotation_homes(entries)
    groups = {home: Group(home) for home in sorted(homes)} or {"": Group("")}
    layout = Layout(list(groups.values()), [], [], [])
    by_directory: dict[str, str | None] = {}
    for entry in entries:
        directory = entry.name.rpartition("/")[0]
        if directory not in by_directory:
            by_directory[directory] = _home_of(directory, groups)
        home = by_directory[directory]
        # Pictures beside the only data set may be its own.
        if home is None and len(groups) == 1 and not _is(entry, ".xml", ".txt"):
            home = next(iter(groups))
        _place(entry, None if home is None else groups[home], layout, not homes)
    return layout


def _is(entry: Entry, *suffixes: str) -> bool:
    return entry.name.lower().endswith(suffixes)


def _annotation_homes(entries: Iterable[Entry]) -> set[str]:
    """The parents of every directory of annotations that holds XML."""
    directories = {e.name.rpartition("/")[0] for e in entries if _is(e, ".xml")}
    homes = set()
    for directory in directories:
        parts = directory.split("/")
        for depth, part in enumerate(parts):
            if part.lower() in ANNOTATION_DIRS:
                homes.add("".join(f"{parent}/" for parent in parts[:depth]))
                break
    return homes


def _home_of(directory: str, groups: dict[str, Group]) -> str | None:
    """The deepest home that a directory lies in."""
    parts = directory.split("/") if directory else []
    for depth in range(len(parts), -1, -1):
        home = "".join(f"{parent}/" for parent in parts[:depth])
        if home in groups:
            return home
    return None


def _place(entry: Entry, group: Group | None, layout: Layout, beside: bool) -> None:
    name = entry.name.removeprefix(group.home) if group else entry.name
    written = suffix_of(name)
    bare, suffix = name[: len(name) - len(written)], written.lower()
    if suffix == ".txt":
        if group is None or not _place_set(entry, bare, group):
            layout.texts.append(entry)
    elif suffix == ".xml":
        top, below, _ = name.partition("/")
        known = bool(below) and top.lower() in ANNOTATION_DIRS
        if group is not None and (beside or known):
            group.add_annotation(_key(bare, inside=not beside), entry)
        else:
            layout.annotations.append(entry)
    elif suffix in IMAGE_SUFFIXES:
        if group is None:
            layout.images.append(entry)
            return
        directory = name.rpartition("/")[0]
        folder = directory or "." if beside else _folder(directory)
        content, key = group.folders[folder], _key(bare, inside=not beside)
        content[key] = (*content.get(key, ()), entry)


def _folder(directory: str) -> str:
    """The unit that is image folder or not: one called so with all below, or one."""
    parts = directory.split("/")
    for depth, part in enumerate(parts):
        if part.lower() in IMAGE_DIRS:
            return "/".join(parts[: depth + 1])
    return directory or "."


def _key(bare: str, *, inside: bool) -> str:
    """Path without suffix and, for files in a layout directory, without that."""
    return bare.split("/", 1)[1] if inside and "/" in bare else bare


def _place_set(entry: Entry, bare: str, group: Group) -> bool:
    """Whether it is an image set of the group's, and took its place."""
    directory, _, stem = bare.rpartition("/")
    if directory.lower() not in ("imagesets/main", "imagesets"):
        return False
    # ImageSets/Main is the detection task's; sets right in ImageSets stand in.
    if directory.lower() == "imagesets" and stem in group.sets:
        return True
    group.sets[stem] = entry
    return True
