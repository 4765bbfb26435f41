"""What a dropped box's numbers would be good boxes as; a hint, never a repair."""

import math
from collections.abc import Callable, Mapping

from components.example_gen.rules.box_frame import Numbers
from components.example_gen.rules.hints import typed

_Corners = tuple[float, float, float, float]
_Reading = Callable[[_Corners], _Corners]

# In the order in which they are believed: xywh's numbers always fit sorted, too.
_READINGS: dict[str, _Reading] = {
    "xywh": lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3]),
    "yxyx": lambda c: (c[1], c[0], c[3], c[2]),
    "turned": lambda c: (
        *(min(c[0], c[2]), min(c[1], c[3])),
        *(max(c[0], c[2]), max(c[1], c[3])),
    ),
}
HINTS = {
    "relative": "coordinates are fractions of the image (0..1): multiply by its size",
    "ymax_is_xmin": "ymax equals xmin: the program that wrote them mixed up two fields",
    "xywh": "the corners look like x, y, width, height: write xmax = x + width",
    "yxyx": "x and y look swapped: ymin, xmin, ymax, xmax under VOC's tags",
    "turned": (
        f"minimum and maximum are swapped: {typed('swap_inverted', 'true')} turns them "
        "round"
    ),
    "small": (
        "the boxes are smaller than min_box_px: a lower one keeps them, as "
        f"{typed('min_box_px', '1')}"
    ),
}
# Drops for the numbers of a box; of others these say nothing.
CORNER_REASONS = frozenset(
    {"box_not_number", "box_not_finite", "box_inverted", "box_outside", "box_too_small"}
)
_MOST = 0.5  # of the dropped boxes have to fit; turned ones fit as xywh by a quarter


def likely_causes(corners: Numbers, width: int, height: int) -> tuple[str, ...]:
    """Every cause that would explain a dropped box of an image of that size."""
    known = [c for c in corners if c is not None and math.isfinite(c)]
    if len(known) != 4:
        return ()
    box = (known[0], known[1], known[2], known[3])
    if box[:2] == box[2:]:
        return ()  # a point, as what stands for no box: (0, 0, 0, 0)
    causes = []
    if min(box) >= 0 and max(box) <= 1:
        causes.append("relative")
    if has_ymax_of_xmin(corners):
        causes.append("ymax_is_xmin")
    if _is_small(box, width, height):
        return (*causes, "small")  # it is a box as it stands
    fits = [
        name for name, read in _READINGS.items() if _is_box(read(box), width, height)
    ]
    return (*causes, *fits)


def has_ymax_of_xmin(corners: Numbers) -> bool:
    """Whether ymax equals xmin, which is chance in a box and a defect in most."""
    xmin, *_, ymax = corners
    return xmin is not None and xmin == ymax and len(set(corners)) > 1


def _is_small(box: _Corners, width: int, height: int) -> bool:
    """Whether corners are a box within the image as they are: then size alone drops."""
    xmin, ymin, xmax, ymax = box
    return _is_inside(box, width, height) and xmin < xmax and ymin < ymax


def _is_box(box: _Corners, width: int, height: int) -> bool:
    """Whether corners are a box within the image, a pixel of convention aside."""
    xmin, ymin, xmax, ymax = box
    inside = _is_inside(box, width, height)
    return inside and xmax - xmin >= 1 and ymax - ymin >= 1


def _is_inside(box: _Corners, width: int, height: int) -> bool:
    return min(box) >= 0 and box[2] <= width + 1 and box[3] <= height + 1


def hint(causes: Mapping[str, int], dropped: int) -> str:
    """The first cause that explains most of the dropped boxes; "" where none does."""
    found = [name for name in HINTS if causes.get(name, 0) >= _MOST * dropped]
    if "turned" in found and found[0] == "xywh":
        return f"{HINTS['xywh']}; or {HINTS['turned']}"
    return HINTS[found[0]] if found else ""
