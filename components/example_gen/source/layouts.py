"""Sorts the files of a data set by what they are, whatever its layout.

Known are VOCdevkit (one year or several), Annotations/JPEGImages with or without
ImageSets, annotations/images, XML beside the images, directories named after splits,
and a tar of any of these.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from components.example_gen.source.names import IMAGE_SUFFIXES
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
    folders: dict[str, dict[str, list[Entry]]] = dataclasses.field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
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
    for entry in entries:
        home = _home_of(entry.name, groups)
        # Pictures beside the only data set may be its own.
        if home is None and len(groups) == 1 and not _is(entry, ".xml", ".txt"):
            home = next(iter(groups))
        _place(entry, None if home is None else groups[home], layout, not homes)
    return layout


def _is(entry: Entry, *suffixes: str) -> bool:
    return entry.name.lower().endswith(suffixes)


def _annotation_homes(entries: Iterable[Entry]) -> set[str]:
    """The parents of every directory of annotations that holds XML."""
    homes = set()
    for entry in entries:
        if not _is(entry, ".xml"):
            continue
        parts = entry.name.split("/")
        for depth, part in enumerate(parts[:-1]):
            if part.lower() in ANNOTATION_DIRS:
                homes.add("".join(f"{parent}/" for parent in parts[:depth]))
                break
    return homes


def _home_of(name: str, groups: dict[str, Group]) -> str | None:
    """The deepest home that a file lies in."""
    parts = name.split("/")[:-1]
    for depth in range(len(parts), -1, -1):
        home = "".join(f"{parent}/" for parent in parts[:depth])
        if home in groups:
            return home
    return None


def _place(entry: Entry, group: Group | None, layout: Layout, beside: bool) -> None:
    name = entry.name.removeprefix(group.home) if group else entry.name
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if suffix == ".txt":
        if group is None or not _place_set(entry, path, group):
            layout.texts.append(entry)
    elif suffix == ".xml":
        top = path.parts[0].lower() if len(path.parts) > 1 else ""
        if group is not None and (beside or top in ANNOTATION_DIRS):
            group.add_annotation(_key(path, inside=not beside), entry)
        else:
            layout.annotations.append(entry)
    elif suffix in IMAGE_SUFFIXES:
        if group is None:
            layout.images.append(entry)
            return
        folder, key = _folder(path), _key(path, inside=not beside)
        group.folders[folder if not beside else str(path.parent)][key].append(entry)


def _folder(path: PurePosixPath) -> str:
    """The unit that is image folder or not: one called so with all below, or one."""
    for depth, part in enumerate(path.parts[:-1]):
        if part.lower() in IMAGE_DIRS:
            return "/".join(path.parts[: depth + 1])
    return str(path.parent)


def _key(path: PurePosixPath, *, inside: bool) -> str:
    """Path without suffix and, for files in a layout directory, without that."""
    name = str(path)[: len(str(path)) - len(path.suffix)]
    return name.split("/", 1)[1] if inside and "/" in name else name


def _place_set(entry: Entry, path: PurePosixPath, group: Group) -> bool:
    """Whether it is an image set of the group's, and took its place."""
    parents = [part.lower() for part in path.parts[:-1]]
    if parents not in (["imagesets", "main"], ["imagesets"]):
        return False
    # ImageSets/Main is the detection task's; sets right in ImageSets stand in.
    if parents == ["imagesets"] and path.stem in group.sets:
        return True
    group.sets[path.stem] = entry
    return True
