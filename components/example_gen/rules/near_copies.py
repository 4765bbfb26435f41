"""Rules on images that are nearly the same as one of another split."""

from collections.abc import Iterator, Sequence
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
_ROWS_AT_ONCE = 512
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
    left = [image for image in images if image.mark]
    right = [image for image in others if image.mark]
    right = right[:: max(1, -(-len(left) * len(right) // _MOST_PAIRS))]
    if not left or not right:
        return
    marks = _as_array(right)
    for start in range(0, len(left), _ROWS_AT_ONCE):
        rows = left[start : start + _ROWS_AT_ONCE]
        differ = differing_bits(_as_array(rows), marks)
        mirrored = differing_when_mirrored(_as_array(rows), marks)
        nearer = np.minimum(differ, mirrored)
        for row, nearest in enumerate(nearer.argmin(axis=1)):
            image, other = rows[row], right[nearest]
            # Equal contents are a leak, which has a rule of its own.
            if nearer[row, nearest] <= NEAR_BITS and image.sha256 != other.sha256:
                bits = f"{differ[row, nearest]} of {BITS} bits differ"
                if mirrored[row, nearest] < differ[row, nearest]:
                    bits = f"mirrored, {mirrored[row, nearest]} of {MIRRORED_BITS} bits"
                yield Alike(
                    image, other, f"like {other.split}/{other.image_id}: {bits}"
                )


def roboflow_copy(images: Sequence[Seen], others: Sequence[Seen]) -> Iterator[Alike]:
    """Made by Roboflow of the same picture as an image of another split."""
    sources = {_source(other): other for other in others if _source(other)}
    for image in images:
        other = sources.get(_source(image))
        if other is not None and image.sha256 != other.sha256:
            where = f"{other.split}/{other.image_id}"
            yield Alike(image, other, f"{_source(image)}, as {where}")


def _source(image: Seen) -> str:
    """What Roboflow's `NAME_jpg.rf.HASH` was made of; "" for other names."""
    name, found, _ = image.image_id.rpartition("/")[2].partition(_ROBOFLOW)
    return name if found else ""


def _as_array(images: Sequence[Seen]) -> npt.NDArray[np.uint8]:
    marks = np.frombuffer(b"".join(image.mark for image in images), np.uint8)
    return marks.reshape(len(images), -1)
