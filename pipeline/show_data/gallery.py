"""Frames before and after augmentation, side by side on one sheet."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from pipeline.show_data.shown_data import ShownData, ShownFrame
from trainer.image.drawing import LabelledBoxes, contact_sheet, draw_boxes

_COLUMNS = 4
_MAX_CELL_PX = 512


def draw(shown: ShownData) -> Image.Image:
    """Pairs in reading order: the letterboxed image, then what training made of it."""
    frames = [*shown.before, *shown.after]
    names = sorted({name for frame in frames for name in frame.class_names})
    colours = {name: _colour(index) for index, name in enumerate(names)}
    cells = []
    for before, after in zip(shown.before, shown.after, strict=True):
        cells += [_cell(before, "before", colours), _cell(after, "after", colours)]
    cell_px = min(_MAX_CELL_PX, max(cells[0].size) + 4)
    return contact_sheet(cells, _COLUMNS if len(cells) > 2 else 2, cell_px)


def _colour(index: int) -> str:
    # Steps of the golden ratio keep any number of hues apart.
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1.0, 0.9, 0.85)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"


def _cell(frame: ShownFrame, title: str, colours: dict[str, str]) -> Image.Image:
    layers = [
        LabelledBoxes(box[np.newaxis], [_printable(name, difficult)], colours[name])
        for box, name, difficult in zip(
            frame.boxes, frame.class_names, frame.difficult, strict=True
        )
    ]
    cell = draw_boxes(Image.fromarray(frame.image), layers)
    pen = ImageDraw.Draw(cell)
    text = _printable(f"{title}: {frame.image_id}")
    corner = (2, cell.height - 14)
    pen.rectangle(pen.textbbox(corner, text), fill="black")
    pen.text(corner, text, fill="white")
    return cell


def _printable(text: str, difficult: bool = False) -> str:
    """Text that a font can take: undecodable file name bytes become `?`."""
    safe = text.encode("utf-8", "replace").decode("utf-8")
    return f"{safe} ?" if difficult else safe
