"""Boxes drawn into images, and images laid out on a sheet."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

GROUND_TRUTH_COLOUR = "#3cb44b"
DETECTION_COLOUR = "#e6194b"
_LEAST_FONT_PX = 13.0  # below that, a caption on a small image cannot be read


@dataclasses.dataclass(frozen=True)
class LabelledBoxes:
    """Boxes of one kind. boxes [N, 4] xyxy px; one caption a box; one colour."""

    boxes: npt.NDArray[np.float32]
    captions: Sequence[str]
    colour: str


def draw_boxes(image: Image.Image, layers: Sequence[LabelledBoxes]) -> Image.Image:
    """A copy of the image with every layer's boxes and captions, first layer lowest."""
    drawn = image.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    line_width = max(1, round(min(drawn.size) / 150))
    font = ImageFont.load_default(max(_LEAST_FONT_PX, min(drawn.size) / 36))
    for layer in layers:
        for box, caption in zip(layer.boxes.tolist(), layer.captions, strict=True):
            xmin, ymin, xmax, ymax = box
            # Half-open boxes: the last pixel inside is one before the edge.
            corners = (xmin, ymin, max(xmin, xmax - 1), max(ymin, ymax - 1))
            pen.rectangle(corners, outline=layer.colour, width=line_width)
            if caption:
                _write(pen, (xmin, ymin), caption, layer.colour, font)
    return drawn


def _write(
    pen: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    colour: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """A caption above its box, or inside where the image ends there."""
    left, top = corner
    _, _, right, bottom = pen.textbbox((0, 0), text, font)
    width, height = right + 4, bottom + 4
    left = max(0.0, min(left, pen.im.size[0] - width))
    top = max(0.0, top - height)
    pen.rectangle((left, top, left + width, top + height), fill=colour)
    pen.text((left + 2, top + 1), text, fill="white", font=font)


def contact_sheet(
    images: Sequence[Image.Image], columns: int, cell_px: int
) -> Image.Image:
    """Images side by side, each scaled to fit a square cell, in reading order."""
    rows = max(1, math.ceil(len(images) / columns))
    sheet = Image.new("RGB", (columns * cell_px, rows * cell_px), "white")
    for index, image in enumerate(images):
        scale = (cell_px - 4) / max(image.size)
        size = [max(1, round(side * scale)) for side in image.size]
        cell = image.resize((size[0], size[1]))
        row, column = divmod(index, columns)
        sheet.paste(cell, (column * cell_px + 2, row * cell_px + 2))
    return sheet
