"""One box as four floats: for so few numbers NumPy costs more than it saves."""

import math

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


def area_px2(box: Box) -> float:
    """Area; 0 where a side is not positive."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def inside_fraction(box: Box, width: int, height: int) -> float:
    """Which part of a box lies inside the image; 0 for one without area."""
    whole = area_px2(box)
    if not whole or not math.isfinite(whole):
        return 0.0
    return area_px2(clipped(box, width, height)) / whole
