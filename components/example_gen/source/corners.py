"""How a data set counts pixels: decided once for all of it, from what gives it away.

VOC's own corners count from 1 and include the last pixel. Most exporters write 0-based
half-open ones under the same tags; read as VOC's, each box is a pixel too large on the
left and on the top.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from components.example_gen.source.annotation import (
    Annotation,
    Convention,
    to_number,
)
from components.example_gen.source.exporters import LABELIMG, ONE_BASED

SAMPLE_FILES = 1000
# Of so many minima of 1 for one of 0, the 0 is a slip: data that count from 0 have
# more boxes at the very edge than one pixel inside.
_SLIPS = 4

T = TypeVar("T")


class Corners(NamedTuple):
    """The decision and why, for people."""

    convention: Convention
    evidence: str

    def line(self) -> str:
        """One line for the log and the report."""
        return f"corners {self.convention}: {self.evidence}"


@dataclasses.dataclass
class _Counts:
    files: int = 0
    objects: int = 0
    minima: Counter[int] = dataclasses.field(default_factory=Counter)  # 0, 1
    maxima: Counter[int] = dataclasses.field(default_factory=Counter)  # side - maximum
    decimal: int = 0  # objects with a point in a number
    marks: Counter[str] = dataclasses.field(default_factory=Counter)


def sample(names: Sequence[T]) -> list[T]:
    """At most SAMPLE_FILES of a sorted sequence, evenly spread, the same every time."""
    if len(names) <= SAMPLE_FILES:
        return list(names)
    step = len(names) / SAMPLE_FILES
    return [names[int(index * step)] for index in range(SAMPLE_FILES)]


def decide(annotations: Iterable[Annotation]) -> Corners:
    """Annotations of a data set, or a sample of them -> how their boxes count.

    In this order: minima of 0 (there is no pixel 0 where counting starts at 1), the
    exporter's mark, numbers written as decimals, minima of 1 and none of 0, maxima that
    stop at size - 1; VOC's own way where nothing speaks.
    """
    counts = _count(annotations)
    zeros, ones = counts.minima[0], counts.minima[1]
    seen = f"{zeros} minima of 0, {ones} of 1, in {counts.files} files"
    if zeros and zeros * _SLIPS >= ones:
        return Corners("zero_based", seen)
    for mark, files in counts.marks.most_common(1):
        if files * 2 > counts.files:
            where = f"{mark} in {files} of {counts.files} files"
            return Corners(_convention_of(mark), f"the mark of {where}; {seen}")
    if counts.decimal * 2 > counts.objects and ones < _SLIPS:
        where = f"{counts.decimal} of {counts.objects} boxes are written as decimals"
        return Corners("zero_based", f"{where}; {seen}")
    if ones:
        return Corners("one_based", seen)
    if counts.maxima[1] and not counts.maxima[0]:
        where = f"{counts.maxima[1]} maxima of size - 1 and none of size"
        return Corners("zero_based", f"{where}; {seen}")
    return Corners("one_based", f"VOC's own way, nothing speaks against it; {seen}")


def _convention_of(exporter: str) -> Convention:
    if exporter == LABELIMG:
        return "labelimg"
    return "one_based" if exporter in ONE_BASED else "zero_based"


def _count(annotations: Iterable[Annotation]) -> _Counts:
    counts = _Counts()
    for annotation in annotations:
        counts.files += 1
        if annotation.exporter:
            counts.marks[annotation.exporter] += 1
        size = annotation.size or (None, None)
        width, height = (to_number(text) for text in size)
        for found in annotation.objects:
            if found.box is None or found.box.shape != "bndbox":
                continue
            counts.objects += 1
            xmin, ymin, xmax, ymax = (to_number(text) for text in found.box.texts)
            counts.decimal += any("." in (text or "") for text in found.box.texts)
            counts.minima.update([int(low) for low in (xmin, ymin) if low in (0, 1)])
            for high, side in ((xmax, width), (ymax, height)):
                if high is not None and side and side - high in (0, 1):
                    counts.maxima[int(side - high)] += 1
    return counts
