"""The box that an annotation means, if it means one."""

import functools
import math
from collections.abc import Iterable

from components.example_gen.rules.box_frame import BoxFrame, Numbers, Size
from components.example_gen.source.annotation import (
    RawBox,
    RawObject,
    RawPart,
    to_number,
)
from schemas.single_box import Box, area_px2, clipped


@functools.lru_cache(maxsize=1024)  # each rule asks again
def corners_of(box: RawBox | None) -> Numbers:
    """The four texts as numbers, None where one is none."""
    if box is None:
        return (None, None, None, None)
    xmin, ymin, xmax, ymax = (to_number(text) for text in box.texts)
    return (xmin, ymin, xmax, ymax)


def reach_of(objects: Iterable[RawObject]) -> Size:
    """The largest finite xmax and ymax of objects; 0 where there is none."""
    corners = [corners_of(item.box) for item in objects]
    rights = [c[2] for c in corners if c[2] is not None and math.isfinite(c[2])]
    bottoms = [c[3] for c in corners if c[3] is not None and math.isfinite(c[3])]
    return max(rights, default=0.0), max(bottoms, default=0.0)


def box_of(box: RawBox | None, frame: BoxFrame) -> Box | None:
    """The box in pixels; None unless all of its numbers are finite."""
    return frame.pixels(corners_of(box), box.rotation) if box else None


def part_box(part: RawPart, frame: BoxFrame, width: int, height: int) -> Box | None:
    """A part's box clipped to the image; None where it is not usable."""
    box = box_of(part.box, frame)
    if box is None or not part.name or not area_px2(clipped(box, width, height)):
        return None
    return clipped(box, width, height)
