"""Finds the annotations, images and sets of a data set, whatever its layout.

Known are VOCdevkit (one year or several), Annotations/JPEGImages with or without
ImageSets, annotations/images, XML beside the images, directories named after splits,
and a tar of any of these.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from components.example_gen.source import image_sets
from components.example_gen.source.storage import Entry

ANNOTATION_DIRS = ("annotations", "annotation", "xmls", "xml")
IMAGE_DIRS = ("jpegimages", "images", "image", "imgs", "img", "pngimages")
# A JPEG wins over the same name as PNG and so on: the order of IMAGE_SUFFIXES.
_RANK = {suffix: rank for rank, suffix in enumerate(image_sets.IMAGE_SUFFIXES)}


@dataclasses.dataclass
class Group:
    """One data set (one year of a devkit): files by key, key = path less suffix."""

    home: str  # "" or "VOCdevkit/VOC2007/"
    annotations: dict[str, Entry] = dataclasses.field(default_factory=dict)
    images: dict[str, Entry] = dataclasses.field(default_factory=dict)
    spare_images: dict[str, list[str]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )
    sets: dict[str, Entry] = dataclasses.field(default_factory=dict)
    stray_images: list[Entry] = dataclasses.field(default_factory=list)

    def add_annotation(self, key: str, entry: Entry) -> None:
        """A second annotation of one key (a.xml, a.XML) loses to the first."""
        self.annotations.setdefault(key, entry)

    def add_image(self, key: str, entry: Entry) -> None:
        """Of several images of one key the best suffix wins; the rest are spare."""
        present = self.images.get(key)
        if present is None:
            self.images[key] = entry
            return
        best, other = sorted((present, entry), key=_suffix_rank)
        self.images[key] = best
        self.spare_images[key].append(other.name)


def _suffix_rank(entry: Entry) -> tuple[int, str]:
    return _RANK[PurePosixPath(entry.name).suffix.lower()], entry.name


def find_groups(entries: Sequence[Entry]) -> list[Group]:
    """Sorts files into data sets; files that belong to none are left alone."""
    homes = _annotation_homes(entries)
    groups = {home: Group(home) for home in homes} or {"": Group("")}
    for entry in entries:
        home = _home_of(entry.name, groups)
        if home is not None:
            _place(entry, groups[home], beside=not homes)
    for group in groups.values():
        if not group.images:  # a layout directory of a name that we do not know
            for entry in group.stray_images:
                group.add_image(PurePosixPath(entry.name).stem, entry)
    return [groups[home] for home in sorted(groups)]


def _annotation_homes(entries: Iterable[Entry]) -> dict[str, str]:
    """Home -> its annotation directory, for every directory of that name with XML."""
    homes: dict[str, str] = {}
    for entry in entries:
        if not entry.name.lower().endswith(".xml"):
            continue
        parts = entry.name.split("/")
        for depth, part in enumerate(parts[:-1]):
            if part.lower() in ANNOTATION_DIRS:
                home = "".join(f"{parent}/" for parent in parts[:depth])
                homes.setdefault(home, part)
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


def _place(entry: Entry, group: Group, *, beside: bool) -> None:
    path = PurePosixPath(entry.name[len(group.home) :])
    parts, suffix = path.parts, path.suffix.lower()
    top = parts[0].lower() if len(parts) > 1 else ""
    if suffix == ".txt":
        _place_set(entry, path, group)
    elif suffix == ".xml" and (beside or top in ANNOTATION_DIRS):
        group.add_annotation(_key(path, inside=not beside), entry)
    elif suffix in _RANK and (beside or top in IMAGE_DIRS):
        group.add_image(_key(path, inside=not beside), entry)
    elif suffix in _RANK:
        group.stray_images.append(entry)


def _key(path: PurePosixPath, *, inside: bool) -> str:
    """Path without suffix and, for files in a layout directory, without that."""
    name = str(path)[: len(str(path)) - len(path.suffix)]
    return name.split("/", 1)[1] if inside else name


def _place_set(entry: Entry, path: PurePosixPath, group: Group) -> None:
    parents = [part.lower() for part in path.parts[:-1]]
    if parents in (["imagesets", "main"], ["imagesets"]):
        # ImageSets/Main is the detection task's; sets right in ImageSets stand in.
        if parents == ["imagesets"] and path.stem in group.sets:
            return
        group.sets[path.stem] = entry
