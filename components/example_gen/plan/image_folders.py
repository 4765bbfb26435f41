"""Which folders hold a data set's images: those whose names match its annotations."""

from collections.abc import Callable, Collection, Iterable, Mapping

from components.example_gen.source.layouts import IMAGE_DIRS, Group
from components.example_gen.source.names import base_of, fold, stem_of
from components.example_gen.source.split_words import words_of
from components.example_gen.source.storage import Entry

# Words in the names of folders that hold pictures made of the images: they bear the
# same names and are another thing.
_DERIVED = frozenset(
    [
        *("mask", "masks", "seg", "segmentation", "segmented", "depth", "label"),
        *("labels", "annotated", "vis", "visualization", "visualizations"),
        *("preview", "previews", "thumbs", "thumbnails"),
    ]
)
# Pictures without anything to annotate, kept apart.
_NEGATIVE = frozenset({"neg", "negative", "negatives", "background", "backgrounds"})
Folder = Mapping[str, tuple[Entry, ...]]


def image_folders(
    group: Group,
    filenames: Callable[[Iterable[str]], Iterable[str]],
    listed: Callable[[], set[str]],
) -> tuple[Folder, dict[str, list[Entry]]]:
    """Images by key, and the pictures by folder that are no part of the data set.

    A folder is one of images where it has a picture for an annotation that no better
    folder has one for, in most of the cases in which it has one at all. Best are the
    folders that are called so (`IMAGE_DIRS`), last those whose name says mask or the
    like; of two equals both are, and their pictures of one name are told apart later.
    `filenames` gives the <filename> of annotations, by key: it is asked only about
    those for which no folder has a picture. `listed` gives the folded stems that image
    sets list: a folder most of which is listed is one of images, too, and so is one
    whose name says negatives. Where no folder
    has a picture for any annotation, all are folders of images, so that it is told of
    each what it lacks.
    """
    stems = _keys_by_stem(group)
    explained = {
        folder: _explained(content, group, stems)
        for folder, content in group.folders.items()
    }
    members, left = _by_standing(explained, group.annotations)
    del explained, stems
    rest = {f: _stems(group.folders[f]) for f in group.folders.keys() - members}
    if left and rest:
        wanted = {fold(stem_of(name)) for name in filenames(sorted(left)) if name}
        members |= {folder for folder, stems in rest.items() if wanted & stems}
    if rest:
        there = {stem for f in members for stem in _stems(group.folders[f])}
        in_sets = listed() - there - _stems(group.annotations)
        members |= {f for f, s in rest.items() if 0 < len(s) <= 2 * len(s & in_sets)}
    if members:
        members |= {f for f in group.folders if words_of(f) & _NEGATIVE}
    else:
        called = {f for f in group.folders if _standing(f) == 0}
        members = called or set(group.folders)
    return _merged(group, members), _others(group, members)


def _keys_by_stem(group: Group) -> dict[str, tuple[str, ...]]:
    """Annotations by folded stem, of those stems that pictures without one have."""
    wanted = {
        fold(base_of(key))
        for content in group.folders.values()
        for key in content
        if key not in group.annotations
    }
    stems: dict[str, tuple[str, ...]] = {}
    for key in group.annotations if wanted else ():
        stem = fold(base_of(key))
        if stem in wanted:
            stems[stem] = (*stems.get(stem, ()), key)
    return stems


def _explained(
    content: Folder, group: Group, stems: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """Keys of the annotations that a folder has a picture for."""
    found: set[str] = set()
    for key in content:
        if key in group.annotations:
            found.add(key)
        else:
            found.update(stems.get(fold(base_of(key)), ()))
    return found


def _by_standing(
    explained: Mapping[str, set[str]], annotations: Iterable[str]
) -> tuple[set[str], list[str]]:
    """The folders of images, and the annotations for which they have none."""
    members: set[str] = set()
    done: set[str] = set()  # annotations for which a folder has a picture
    for standing in range(3):
        fresh = {
            folder: keys - done if done else keys
            for folder, keys in explained.items()
            if _standing(folder) == standing
        }
        chosen = {
            folder
            for folder, keys in fresh.items()
            if keys and 2 * len(keys) >= len(explained[folder])
        }
        members |= chosen
        done = done.union(*(fresh[folder] for folder in chosen))
    return members, [key for key in annotations if key not in done]


def _standing(folder: str) -> int:
    if any(part.lower() in IMAGE_DIRS for part in folder.split("/")):
        return 0
    return 2 if words_of(folder) & _DERIVED else 1


def _stems(keys: Iterable[str]) -> set[str]:
    return {fold(base_of(key)) for key in keys}


def _merged(group: Group, members: Collection[str]) -> Folder:
    first, *others = sorted(members) or [""]
    if not others:  # as in most data sets
        return group.folders.get(first, {})
    images: dict[str, tuple[Entry, ...]] = {}
    for folder in (first, *others):
        for key, entries in group.folders[folder].items():
            images[key] = (*images.get(key, ()), *entries)
    return images


def _others(group: Group, members: Iterable[str]) -> dict[str, list[Entry]]:
    return {
        folder: [entry for entries in content.values() for entry in entries]
        for folder, content in group.folders.items()
        if folder not in members
    }
