"""How a data set counts pixels: decided once for all of it, from what gives it away.

VOC's own corners count from 1 and include the last pixel. Most exporters write 0-based
half-open ones under the same tags; read as VOC's, each box is a pixel too large on the
left and on the top.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar, cast

from components.example_gen.source.annotation import (
    Annotation,
    Convention,
    RawObject,
    to_number,
)
from components.example_gen.source.exporters import LABELIMG, MENDED, ONE_BASED
from schemas.single_box import Box

SAMPLE_FILES = 1000
# Of so many boxes from 1 for one from 0, the 0 is a slip: data that count from 0 have
# more boxes at the very edge than one pixel inside. So many boxes from 0, or fewer than
# there are from 1, are slips where the exporter's mark says that counting starts at 1.
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
    minima: Counter[int] = dataclasses.field(default_factory=Counter)  # boxes at 0, 1
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

    In this order: boxes from 0 (there is no pixel 0 where counting starts at 1), the
    exporter's mark, numbers written as decimals, boxes from 1 and none from 0, maxima
    that stop at size - 1; VOC's own way where nothing speaks. Boxes that are none in
    their image say nothing, nor do those of files that `labels` mended: these have the
    mark of what was decided before.
    """
    counts = _count(annotations)
    zeros, ones = counts.minima[0], counts.minima[1]
    seen = f"{zeros} boxes begin at 0, {ones} at 1, in {counts.files} files"
    marked, where = _usual_mark(counts)
    slips = zeros <= _SLIPS or zeros <= ones if marked == "one_based" else False
    if zeros and zeros * _SLIPS >= ones and not slips:
        return _from_zero(counts, marked, seen)
    if marked:
        return Corners(marked, f"{where}; {seen}")
    if counts.decimal * 2 > counts.objects and ones < _SLIPS:
        where = f"{counts.decimal} of {counts.objects} boxes are written as decimals"
        return Corners("zero_based", f"{where}; {seen}")
    if ones:
        return Corners("one_based", seen)
    if counts.maxima[1] and not counts.maxima[0]:
        return _from_zero(counts, marked, seen)
    return Corners("one_based", f"VOC's own way, nothing speaks against it; {seen}")


def _from_zero(counts: _Counts, marked: Convention | None, seen: str) -> Corners:
    """Half-open, unless the last pixel is included.

    No mark tells otherwise, and of more than a few boxes that touch a far side, in
    whole pixels, none ends at size.
    """
    touching = counts.maxima[1] if not counts.maxima[0] else 0
    where = f"{seen}; {touching} maxima of size - 1 and none of size"
    half_open = marked not in (None, "zero_based_inclusive")
    if half_open or counts.decimal * 2 > counts.objects or touching <= _SLIPS:
        return Corners("zero_based", where if not counts.minima[0] else seen)
    return Corners("zero_based_inclusive", where)


def _usual_mark(counts: _Counts) -> tuple[Convention | None, str]:
    """What the marks of most files say, and which marks; None where there are none."""
    said: Counter[Convention] = Counter()
    for mark, files in counts.marks.items():
        said[_convention_of(mark)] += files
    for convention, files in said.most_common(1):
        if files * 2 > counts.files:
            marks = [m for m, _ in counts.marks.most_common()]
            alike = [mark for mark in marks if _convention_of(mark) == convention]
            named = " and ".join(alike)
            return convention, f"the mark of {named} in {files} of {counts.files} files"
    return None, ""


def _convention_of(exporter: str) -> Convention:
    if exporter in MENDED:
        return cast(Convention, MENDED[exporter])
    if exporter == LABELIMG:
        return "labelimg"
    return "one_based" if exporter in ONE_BASED else "zero_based"


def _count(annotations: Iterable[Annotation]) -> _Counts:
    counts = _Counts()
    for annotation in annotations:
        counts.files += 1
        if annotation.exporter:
            counts.marks[annotation.exporter] += 1
        if annotation.exporter in MENDED:
            continue
        size = annotation.size or (None, None)
        width, height = (to_number(text) for text in size)
        for found in annotation.objects:
            box = _sound(found, width, height)
            if box is None or found.box is None:
                continue
            counts.objects += 1
            counts.decimal += any("." in (text or "") for text in found.box.texts)
            counts.minima.update([low for low in (0, 1) if low in box[:2]][:1])
            gaps = [
                s - high for s, high in zip((width, height), box[2:], strict=True) if s
            ]
            counts.maxima.update([int(gap) for gap in gaps if gap in (0, 1)])
    return counts


def _sound(found: RawObject, width: float | None, height: float | None) -> Box | None:
    """The numbers of <bndbox>; None unless a box of over a pixel within <size>.

    A pixel of convention aside; a <size> with its sides swapped is one, too.
    """
    box = found.box
    if box is None or box.shape != "bndbox" or found.deleted:
        return None
    known = [number for text in box.texts if (number := to_number(text)) is not None]
    if len(known) < 4:
        return None
    xmin, ymin, xmax, ymax = known
    if not all(0 <= number < math.inf for number in known):  # nor is NaN
        return None
    if min(xmax - xmin, ymax - ymin) <= 1:
        return None
    within = not (width and height) or any(
        xmax <= wide + 1 and ymax <= high + 1
        for wide, high in ((width, height), (height, width))
    )
    return (xmin, ymin, xmax, ymax) if within else None
