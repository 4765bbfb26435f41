"""Which image an annotation means."""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from components.example_gen.rules.frame import declared_size
from components.example_gen.source import image as image_files
from components.example_gen.source.annotation import (
    Annotation,
    AnnotationError,
    read_annotation,
)
from components.example_gen.source.names import IMAGE_SUFFIXES, base_of, fold, stem_of
from components.example_gen.source.pair import Pair
from components.example_gen.source.storage import Entry, TooLargeError

ReadBytes = Callable[[Entry], bytes]


def pair_up(
    annotations: Mapping[str, Entry],
    images: Mapping[str, Sequence[Entry]],
    read: ReadBytes,
) -> dict[str, Pair]:
    """Key -> Pair, of all annotations and of the images that none of them means.

    An annotation's images are those of its key; else, where that is one, of its stem
    (`a.jpg.xml` is of a.jpg), of the stem of its <filename>, and of these by case and
    Unicode form, among the images that no annotation has yet.
    """
    pairs = {
        key: _choose(entry, images[key], read)
        for key, entry in annotations.items()
        if key in images
    }
    lacking = sorted(key for key in annotations if key not in pairs)
    asked = frozenset(stem for key in lacking for stem in _own_stems(key))
    lone = _LoneImages(images, pairs, asked)
    for key in lacking:
        pairs[key] = _by_stem(key, annotations[key], lone, read)
    for key, left in lone.left.items():
        first, *spare = sorted(left, key=_rank)
        chosen = "none has an annotation" if spare else ""
        pairs[key] = Pair(None, first, chosen=chosen, spare=tuple(spare))
    return {key: pairs[key] for key in sorted(pairs)}


class _LoneImages:
    """Images that no annotation has yet, by stem and by folded stem.

    `asked` are the stems that `owner_of` will be asked about.
    """

    def __init__(
        self,
        images: Mapping[str, Sequence[Entry]],
        pairs: Mapping[str, Pair],
        asked: Collection[str],
    ) -> None:
        lone = sorted(key for key in images if key not in pairs)
        self.left = {key: list(images[key]) for key in lone}
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_fold: dict[str, list[str]] = defaultdict(list)
        for key in self.left:
            self._by_stem[base_of(key)].append(key)
            self._by_fold[fold(base_of(key))].append(key)
        self._owners = {
            base_of(key): pair for key, pair in pairs.items() if base_of(key) in asked
        }

    def owner_of(self, stems: Sequence[str]) -> str:
        """Which annotation has the image of a stem, in words; "" where none has."""
        for stem in stems:
            pair = self._owners.get(stem)
            if pair is not None and pair.image and pair.annotation:
                return f"{pair.image.name} belongs to {pair.annotation.name}"
        return ""

    def of_stem(self, stem: str) -> tuple[list[Entry], bool]:
        """Images of a stem, and whether only case or Unicode form make them so."""
        for folded, index in ((False, self._by_stem), (True, self._by_fold)):
            found = index.get(fold(stem) if folded else stem, [])
            keys = [key for key in found if key in self.left]
            if keys:
                return [entry for key in keys for entry in self.left[key]], folded
        return [], False

    def take(self, pair: Pair, image: Entry) -> None:
        """Takes a pair's image, and those that it was chosen from."""
        for key in list(self._by_stem[stem_of(image.name)]):
            taken = (image, *pair.spare)
            left = [entry for entry in self.left.pop(key, []) if entry not in taken]
            if left:
                self.left[key] = left
            elif key not in self.left:
                self._owners[base_of(key)] = pair


def _by_stem(key: str, entry: Entry, lone: _LoneImages, read: ReadBytes) -> Pair:
    """A pair for an annotation of whose key there is no image."""
    found, differs = _first_of(lone, _own_stems(key))
    if not found and lone.left:
        annotation = _annotation(entry, read)
        if annotation is not None and annotation.filename:
            found, differs = _first_of(lone, [stem_of(annotation.filename)])
    if not found:
        return Pair(entry, unclear=lone.owner_of(_own_stems(key)))
    pair = _choose(entry, _in_its_folder(key, found), read)
    if pair.image is not None:
        lone.take(pair, pair.image)
        if differs:
            pair = pair._replace(differs=pair.image.name)
    return pair


def _in_its_folder(key: str, images: list[Entry]) -> list[Entry]:
    """Of images of one name those whose path ends as the key, where it has folders."""
    paths = [f"/{posixpath.splitext(image.name)[0]}" for image in images]
    found = [
        image
        for image, path in zip(images, paths, strict=True)
        if "/" in key and path.endswith(f"/{key}")
    ]
    return found or images


def _own_stems(key: str) -> list[str]:
    base = base_of(key)
    bare, suffix = posixpath.splitext(base)
    return [base, bare] if suffix.lower() in IMAGE_SUFFIXES else [base]


def _first_of(lone: _LoneImages, stems: Sequence[str]) -> tuple[list[Entry], bool]:
    """Images of the first stem that has any, and whether its name differs."""
    for stem in stems:
        found, differs = lone.of_stem(stem)
        if found:
            return found, differs or stem != stems[0]
    return [], False


def _choose(entry: Entry, images: Sequence[Entry], read: ReadBytes) -> Pair:
    """The image that an annotation means, of those that bear its name.

    It is the one that <filename> names, then the one whose size is that of <size>;
    files of equal content are one. Otherwise nobody can know.
    """
    if len(images) == 1:
        return Pair(entry, images[0])
    annotation = _annotation(entry, read)
    if annotation is None:  # the pair's own rules will say what is wrong with it
        return Pair(entry, images[0])
    ranked = sorted(images, key=_rank)
    why, left = "", ranked
    for reason, fitting in _decisive(annotation, read):
        fits = fitting(left)
        if fits and len(fits) < len(left):
            why, left = reason, fits
        if len(left) == 1:
            spare = tuple(image for image in ranked if image != left[0])
            return Pair(entry, left[0], chosen=why, spare=spare)
    names = ", ".join(image.name for image in left)
    return Pair(entry, None, unclear=f"neither <filename> nor <size> decides: {names}")


def _decisive(
    annotation: Annotation, read: ReadBytes
) -> tuple[tuple[str, Callable[[Sequence[Entry]], list[Entry]]], ...]:
    """What tells images of one name apart, the best first: images -> those that fit."""
    return (
        ("as <filename> says", lambda images: _named(annotation, images)),
        ("its size is that of <size>", lambda images: _sized(annotation, images, read)),
        ("the contents are equal", lambda images: _equal(images, read)),
    )


def _rank(entry: Entry) -> tuple[int, str]:
    """JPEG before PNG and so on: the order of IMAGE_SUFFIXES."""
    return IMAGE_SUFFIXES.index(posixpath.splitext(entry.name)[1].lower()), entry.name


def _annotation(entry: Entry, read: ReadBytes) -> Annotation | None:
    try:
        return read_annotation(read(entry))
    except (AnnotationError, TooLargeError, OSError):
        return None


def _named(annotation: Annotation, images: Sequence[Entry]) -> list[Entry]:
    """Images whose path ends as <filename>, by as many of its parts as tell."""
    parts = (annotation.filename or "").replace("\\", "/").split("/")
    for start in range(len(parts)):
        tail = "/" + "/".join(parts[start:])
        for form in (str, fold):
            found = [i for i in images if form(f"/{i.name}").endswith(form(tail))]
            if found and tail != "/":
                return found
    return []


def _sized(
    annotation: Annotation, images: Sequence[Entry], read: ReadBytes
) -> list[Entry]:
    declared = declared_size(annotation)
    return [image for image in images if declared and declared == _size(image, read)]


def _size(entry: Entry, read: ReadBytes) -> tuple[int, int] | None:
    try:
        raw = read(entry)
        content = image_files.sniff(raw)
        opened = image_files.open_image(raw, content)
    except (image_files.ImageError, TooLargeError, OSError):
        return None
    return opened.size


def _equal(images: Sequence[Entry], read: ReadBytes) -> list[Entry]:
    """The first image where all have one content; none otherwise."""
    try:
        contents = {read(image) for image in images}
    except (TooLargeError, OSError):
        return []
    return list(images[:1]) if len(contents) == 1 else []
