"""The box that an annotation means, if it means one."""

import math

from components.example_gen.source.annotation import (
    RawBox,
    RawPart,
    to_half_open,
    to_number,
)
from schemas.single_box import Box, area_px2, clipped

Numbers = tuple[float | None, float | None, float | None, float | None]


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
    if box is None or not part.name or not area_px2(clipped(box, width, height)):
        return None
    return clipped(box, width, height)
