"""Loss, learning rate and mAP over the epochs: a table and a picture."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

HISTORY_FILE = "history.csv"
CURVES_FILE = "learning_curves.png"
COLUMNS = (
    "step",
    "epoch",
    "loss",
    "class_loss",
    "box_loss",
    "learning_rate",
    "mAP",
    "AP50",
    "AR100",
)
_PANELS = (("loss", "class_loss", "box_loss"), ("learning_rate",), ("mAP", "AP50"))
_COLOURS = ("#222222", "#4363d8", "#e6194b")
_WIDTH, _HEIGHT = 800, 220  # of a panel, pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 24, 28
_TICKS = 4

Row = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Values to pixels within one panel whose upper edge lies at `top`."""

    last_epoch: float
    highest: float
    top: int

    def point(self, epoch: float, value: float) -> tuple[float, float]:
        width = _WIDTH - _LEFT - _RIGHT
        height = _HEIGHT - _TOP - _BOTTOM
        return (
            _LEFT + width * epoch / self.last_epoch,
            self.top + _TOP + height * (1 - value / self.highest),
        )


def history_csv(history: Sequence[Row]) -> str:
    """One line a row; a number that a row lacks is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: _cell(row.get(name)) for name in COLUMNS} for row in history
    )
    return text.getvalue()


def draw_curves(history: Sequence[Row]) -> Image.Image:
    """Three panels over epochs: the losses, the learning rate, mAP and AP50.

    Each panel's axis starts at 0. Rows without a number (no evaluation, or -1 where
    there is nothing to find) are left out of its curve.
    """
    picture = Image.new("RGB", (_WIDTH, _HEIGHT * len(_PANELS)), "white")
    pen = ImageDraw.Draw(picture)
    last_epoch = max((row["epoch"] for row in history), default=1.0)
    for number, names in enumerate(_PANELS):
        curves = {name: _points(history, name) for name in names}
        values = [value for points in curves.values() for _, value in points]
        highest = 1.0 if "mAP" in names else max(values, default=0.0) or 1.0
        scale = _Scale(last_epoch, highest, number * _HEIGHT)
        _draw_axes(pen, scale)
        _draw_panel(pen, scale, curves)
    return picture


def _points(history: Sequence[Row], name: str) -> list[tuple[float, float]]:
    return [(row["epoch"], row[name]) for row in history if row.get(name, -1.0) >= 0]


def _draw_axes(pen: ImageDraw.ImageDraw, scale: _Scale) -> None:
    for tick in range(_TICKS + 1):
        value = scale.highest * tick / _TICKS
        x, y = scale.point(0, value)
        pen.line([(x, y), (_WIDTH - _RIGHT, y)], fill="#dddddd")
        pen.text((x - 6, y), f"{value:.3g}", fill="#555555", anchor="rm")
        epoch = scale.last_epoch * tick / _TICKS
        x, y = scale.point(epoch, 0)
        pen.text((x, y + 6), f"{epoch:.3g}", fill="#555555", anchor="mt")
    pen.text((_LEFT - 6, y + 6), "epoch", fill="#555555", anchor="rt")


def _draw_panel(
    pen: ImageDraw.ImageDraw,
    scale: _Scale,
    curves: Mapping[str, Sequence[tuple[float, float]]],
) -> None:
    left = float(_LEFT)
    for (name, points), colour in zip(curves.items(), _COLOURS, strict=False):
        pixels = [scale.point(*point) for point in points]
        if len(pixels) > 1:
            pen.line(pixels, fill=colour, width=2)
        for x, y in pixels:
            pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill=colour)
        last = f" {points[-1][1]:.3g}" if points else ""
        pen.text((left, scale.top + 6), name + last, fill=colour)
        left += pen.textlength(name + last) + 20


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
