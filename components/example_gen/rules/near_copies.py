"""Rules on images that are nearly the same as one of another split."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from components.example_gen.source.fingerprint import (
    BITS,
    MIRRORED_BITS,
    differing_bits,
    differing_when_mirrored,
)

# Of 128 bits. Re-encoding, resizing by a third and brightening differ by at most 18 and
# mostly by less than 8; different pictures of three real data sets by 23 or more, and
# those are neighbours in a series.
NEAR_BITS = 12
# More comparisons than this take longer than they are worth: every k-th image of the
# larger split stands for all.
_MOST_PAIRS = 200_000_000
_AT_ONCE = 512, 2048  # images and others: some MB, whatever the size of the data set
_ROBOFLOW = ".rf."


class Seen(NamedTuple):
    """An image as it was written: `mark` is its fingerprint, empty if it has none."""

    split: str
    image_id: str
    sha256: str
    mark: bytes


class Alike(NamedTuple):
    """An image and the one of another split that it is alike to."""

    image: Seen
    other: Seen
    detail: str


def near_copy(images: Sequence[Seen], others: Sequence[Seen]) -> Iterator[Alike]:
    """Nearly a picture of another split: encoded again, resized, mirrored."""
    left, right = _marked(images), _marked(others)
    right = right[:: max(1, -(-len(left) * len(right) // _MOST_PAIRS))]
    if not len(left) or not len(right):
        return
    marks = _as_array(others[position] for position in right)
    for start in range(0, len(left), _AT_ONCE[0]):
        rows = [images[position] for position in left[start : start + _AT_ONCE[0]]]
        for image, nearest, differ, mirrored in _nearest(rows, marks):
            other = others[right[nearest]]
            # Equal contents are a leak, which has a rule of its own.
            if min(differ, mirrored) <= NEAR_BITS and image.sha256 != other.sha256:
                bits = f"{differ} of {BITS} bits differ"
                if mirrored < differ:
                    bits = f"mirrored, {mirrored} of {MIRRORED_BITS} bits"
                yield Alike(
                    image, other, f"like {other.split}/{other.image_id}: {bits}"
                )


def _marked(images: Sequence[Seen]) -> npt.NDArray[np.intp]:
    """Positions of the images that have a fingerprint."""
    return np.fromiter((i for i, image in enumerate(images) if image.mark), np.intp)


def _nearest(
    images: Sequence[Seen], others: npt.NDArray[np.uint8]
) -> Iterator[tuple[Seen, int, int, int]]:
    """Yields (image, row of the first nearest of `others`, bits, bits if mirrored)."""
    marks = _as_array(images)
    # For each image: the fewer of the two counts, the row, both counts.
    best = np.full((len(images), 4), BITS + 1)
    each = np.arange(len(images))
    for start in range(0, len(others), _AT_ONCE[1]):
        part = others[start : start + _AT_ONCE[1]]
        differ, mirrored = (
            differing_bits(marks, part),
            differing_when_mirrored(marks, part),
        )
        nearer = np.minimum(differ, mirrored)
        row = nearer.argmin(axis=1)
        found = [a[each, row] for a in (nearer, differ, mirrored)]
        found.insert(1, row + start)
        better = found[0] < best[:, 0]
        best[better] = np.stack(found, axis=1)[better]
    for image, (_, row, differ, mirrored) in zip(images, best.tolist(), strict=True):
        yield image, row, differ, mirrored


def roboflow_copy(images: Sequence[Seen], others: Sequence[Seen]) -> Iterator[Alike]:
    """Made by Roboflow of the same picture as an image of another split."""
    sources = {source: i for i, o in enumerate(others) if (source := _source(o))}
    for image in images:
        position = sources.get(_source(image))
        if position is None:
            continue
        other = others[position]
        if image.sha256 != other.sha256:
            where = f"{other.split}/{other.image_id}"
            yield Alike(image, other, f"{_source(image)}, as {where}")


def _source(image: Seen) -> str:
    """What Roboflow's `NAME_jpg.rf.HASH` was made of; "" for other names."""
    name, found, _ = image.image_id.rpartition("/")[2].partition(_ROBOFLOW)
    return name if found else ""


def _as_array(images: Iterable[Seen]) -> npt.NDArray[np.uint8]:
    marks = bytearray()
    for image in images:
        marks += image.mark
    return np.frombuffer(marks, np.uint8).reshape(-1, BITS // 8)
