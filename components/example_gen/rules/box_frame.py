"""In which frame an annotation's boxes lie, and the way from there to stored pixels.

The numbers of a <bndbox> are pixels of the picture that the annotator saw. <size> says
which one that was: the stored picture, the one that a viewer turns upright as EXIF
asks, or one of another size.
"""

import math
from typing import NamedTuple

from components.example_gen.source.annotation import Convention, to_half_open
from schemas.single_box import Box

Numbers = tuple[float | None, float | None, float | None, float | None]
Size = tuple[float, float]  # width, height

_NEAR_PX = 2  # a <size> this close is the picture's, give or take a tool's rounding
_ROUNDING_PX = 1  # of a side when a picture is resized
_SLOPPY = 0.05  # of a side: boxes drawn by hand may leave their picture by so much
_TURNS_BY_90 = range(5, 9)  # EXIF orientations in which width and height change places


class BoxFrame(NamedTuple):
    """Numbers of an annotation -> half-open pixels of the stored picture.

    `orientation` is the EXIF value that was applied to what the annotator saw (1: none
    was), `displayed` the (width, height) seen, `scale` that size / <size>.
    """

    convention: Convention = "one_based"
    orientation: int = 1
    displayed: Size = (0.0, 0.0)
    scale: Size = (1.0, 1.0)

    def pixels(self, corners: Numbers, rotation: float = 0.0) -> Box | None:
        """Four corners -> a box; None unless all are finite.

        With a rotation (degrees about the middle) it is the hull of the turned box.
        """
        xmin, ymin, xmax, ymax = corners
        if xmin is None or ymin is None or xmax is None or ymax is None:
            return None
        if not all(math.isfinite(number) for number in (xmin, ymin, xmax, ymax)):
            return None
        box = to_half_open((xmin, ymin, xmax, ymax), self.convention)
        if rotation:
            box = turned_hull(box, rotation)
        if self.scale != (1.0, 1.0):
            wide, high = self.scale
            box = (box[0] * wide, box[1] * high, box[2] * wide, box[3] * high)
        return box if self.orientation == 1 else self._turned(box)

    def _turned(self, box: Box) -> Box:
        """From the upright picture back to the stored one.

        EXIF names where the stored picture's row 0 and column 0 are seen; 6, say: row 0
        on the right, column 0 on top (Exif 2.3, section 4.6.4, tag Orientation).
        """
        left, top, right, bottom = box
        width, height = self.displayed
        mirrored_x = (width - right, width - left)
        mirrored_y = (height - bottom, height - top)
        x, y = {
            2: (mirrored_x, (top, bottom)),
            3: (mirrored_x, mirrored_y),
            4: ((left, right), mirrored_y),
            5: ((top, bottom), (left, right)),
            6: ((top, bottom), mirrored_x),
            7: (mirrored_y, mirrored_x),
            8: (mirrored_y, (left, right)),
        }[self.orientation]
        return (x[0], y[0], x[1], y[1])


def turned_hull(box: Box, degrees: float) -> Box:
    """The smallest upright box around one that is turned about its middle."""
    xmin, ymin, xmax, ymax = box
    middle_x, middle_y = (xmin + xmax) / 2, (ymin + ymax) / 2
    cosine = abs(math.cos(math.radians(degrees)))
    sine = abs(math.sin(math.radians(degrees)))
    half_x = ((xmax - xmin) * cosine + (ymax - ymin) * sine) / 2
    half_y = ((xmax - xmin) * sine + (ymax - ymin) * cosine) / 2
    return (
        middle_x - half_x,
        middle_y - half_y,
        middle_x + half_x,
        middle_y + half_y,
    )


class FrameFound(NamedTuple):
    """What <size> and EXIF say of an image's boxes.

    `size` is `equal`, `near`, `scaled`, `absent`, `swapped`, `wrong` or `other`; `exif`
    is "" for an upright picture, else `stored`, `displayed` or `undecided`.
    """

    frame: BoxFrame
    size: str
    exif: str = ""


def find_frame(
    stored: tuple[int, int],
    orientation: int,
    declared: Size | None,
    undecided_means: str,
    *,
    reach: Size = (0.0, 0.0),
    convention: Convention = "one_based",
) -> FrameFound:
    """(width, height) stored, EXIF orientation and <size> -> the boxes' frame.

    `reach` is the largest xmax and ymax: boxes that leave the picture of <size> and fit
    the stored one lie in the latter, and <size> is wrong. Without <size> they tell the
    stored from the upright picture where they fit only one of the two.
    `undecided_means` is `auto`, `stored` or `displayed`: what holds where <size> cannot
    tell the stored from the upright picture. With `auto` the stored one is taken, the
    answer is `undecided`.
    """
    turns = orientation in _TURNS_BY_90
    displayed = (stored[1], stored[0]) if turns else stored
    as_stored, as_displayed = _match(declared, stored), _match(declared, displayed)
    if orientation == 1:
        exif = ""
        if declared == (stored[1], stored[0]) != stored:
            as_stored = "swapped"
    elif turns and as_stored != as_displayed:
        ranks = ("equal", "near", "scaled", "other")
        seen_turned = ranks.index(as_displayed) < ranks.index(as_stored)
        if seen_turned and _leaves(reach, displayed) and not _leaves(reach, stored):
            seen_turned, as_stored = False, "swapped"
        exif = "displayed" if seen_turned else "stored"
    elif undecided_means != "auto":
        exif = undecided_means
    else:
        exif = "undecided" if declared else _fits_one(reach, stored, displayed)
    applied = exif == "displayed"
    seen, match = (displayed, as_displayed) if applied else (stored, as_stored)
    if match == "scaled" and declared is not None and _leaves(reach, declared):
        match = "other" if _leaves(reach, seen) else "wrong"
    frame = BoxFrame(
        convention=convention,
        orientation=orientation if applied else 1,
        displayed=seen,
        scale=_scale(seen, declared) if match == "scaled" else (1.0, 1.0),
    )
    return FrameFound(frame, match, exif)


def _fits_one(reach: Size, stored: Size, displayed: Size) -> str:
    """The one picture that all boxes fit while they leave the other by far."""
    for name, one, other in (
        ("stored", stored, displayed),
        ("displayed", displayed, stored),
    ):
        beyond = (other[0] * (1 + _SLOPPY), other[1] * (1 + _SLOPPY))
        if not _leaves(reach, one) and _leaves(reach, beyond):
            return name
    return "undecided"


def _leaves(reach: Size, size: Size) -> bool:
    """Whether boxes go beyond a picture, by more than a pixel of convention."""
    return reach[0] > size[0] + 1 or reach[1] > size[1] + 1


def _scale(seen: tuple[int, int], declared: Size | None) -> Size:
    assert declared is not None
    return (seen[0] / declared[0], seen[1] / declared[1])


def _match(declared: Size | None, real: tuple[int, int]) -> str:
    """How <size> and a picture's size go together."""
    if declared is None:
        return "absent"
    if declared == real:
        return "equal"
    wide, high = abs(declared[0] - real[0]), abs(declared[1] - real[1])
    if max(wide, high) <= _NEAR_PX:
        return "near"
    same = _resized(declared, real) or _resized(real, declared)
    return "scaled" if same else "other"


def _resized(source: Size, target: Size) -> bool:
    """Whether scaling by one factor gives the target, a side's rounding aside."""
    by_width, by_height = target[0] / source[0], target[1] / source[1]
    off_high = abs(source[1] * by_width - target[1])
    off_wide = abs(source[0] * by_height - target[0])
    return min(off_high, off_wide) <= _ROUNDING_PX
