"""What lies behind the objects: soft muted colours and muted clutter."""

import numpy as np
from PIL import Image, ImageDraw

from pipeline.sample_data.shapes import Pixels


def draw_background(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draws a background [height, width, 3] of low contrast and saturation."""
    grey = rng.integers(70, 190, size=(4, 5, 1))
    tint = rng.integers(-22, 23, size=(4, 5, 3))
    coarse = Image.fromarray((grey + tint).astype(np.uint8), "RGB")
    image = coarse.resize((width, height), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 11))):
        _clutter(rng, draw, width, height)
    return np.array(image)


def _clutter(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, width: int, height: int
) -> None:
    """Draws a line, a box or an ellipse that no class looks like: thin and grey."""
    level = int(rng.integers(60, 200))
    red, blue = (level + int(shift) for shift in rng.integers(-18, 19, size=2))
    colour = (red, level, blue)
    x, y = int(rng.integers(width)), int(rng.integers(height))
    reach_x, reach_y = (int(reach) for reach in rng.integers(10, 90, size=2))
    kind = int(rng.integers(3))
    if kind == 0:
        line = (x, y, x + reach_x - 45, y + reach_y - 45)
        draw.line(line, fill=colour, width=int(rng.integers(1, 5)))
    elif kind == 1:
        draw.rectangle((x, y, x + reach_x, y + reach_y), outline=colour, width=2)
    else:
        draw.ellipse((x, y, x + reach_x, y + reach_y), outline=colour, width=2)
