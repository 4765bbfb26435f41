"""Arithmetic on one box; tuples: for four numbers NumPy costs more than it saves."""

import math

from components.example_gen.source.annotation import (
    RawBox,
    RawPart,
    to_half_open,
    to_number,
)

Numbers = tuple[float | None, float | None, float | None, float | None]
Box = tuple[float, float, float, float]  # xyxy pixels, 0-based, half-open


def clipped(box: Box, width: int, height: int) -> Box:
    """The part of a box inside the image; empty where there is none."""
    xmin, ymin, xmax, ymax = box
    return (
        min(max(xmin, 0.0), width),
        min(max(ymin, 0.0), height),
        min(max(xmax, 0.0), width),
        min(max(ymax, 0.0), height),
    )


def area(box: Box) -> float:
    """Area in px2; 0 where a side is not positive."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def inside_fraction(box: Box, width: int, height: int) -> float:
    """Which part of a box lies inside the image; 0 for one without area."""
    whole = area(box)
    if not whole or not math.isfinite(whole):
        return 0.0
    return area(clipped(box, width, height)) / whole


def corners_of(box: RawBox | None) -> Numbers:
    """The four texts as numbers, None where one is none."""
    if box is None:
        return (None, None, None, None)
    xmin, ymin, xmax, ymax = (to_number(text) for text in box.texts)
    return (xmin, ymin, xmax, ymax)


def box_of(corners: Numbers) -> Box | None:
    """Half-open pixels; None unless all four corners are finite."""
    xmin, ymin, xmax, ymax = corners
    if xmin is None or ymin is None or xmax is None or ymax is None:
        return None
    if not all(math.isfinite(number) for number in (xmin, ymin, xmax, ymax)):
        return None
    return to_half_open((xmin, ymin, xmax, ymax))


def part_box(part: RawPart, width: int, height: int) -> Box | None:
    """A part's box clipped to the image; None where it is not usable."""
    box = box_of(corners_of(part.box))
    if box is None or not part.name or not area(clipped(box, width, height)):
        return None
    return clipped(box, width, height)
