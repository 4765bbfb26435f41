"""Loss, learning rate and mAP over the epochs: a table and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

Row = Mapping[str, float]


def history_csv(history: Sequence[Row]) -> str:
    """One line per row; a number that a row lacks is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: _cell(row.get(name)) for name in COLUMNS} for row in history
    )
    return text.getvalue()


def draw_curves(history: Sequence[Row]) -> Figure:
    """Three panels over epochs: the losses, the learning rate, mAP and AP50.

    Each panel's axis starts at 0. Rows without a number (no evaluation, or -1 where
    there is nothing to find) are left out of its curve.
    """
    from matplotlib.figure import Figure  # heavy

    figure = Figure(figsize=(8, 7), layout="constrained")
    panels = figure.subplots(len(_PANELS), sharex=True)
    for axes, names in zip(panels, _PANELS, strict=True):
        for name in names:
            rows = [row for row in history if row.get(name, -1.0) >= 0]
            values = [row[name] for row in rows]
            label = f"{name} {values[-1]:.3g}" if values else name
            axes.plot([row["epoch"] for row in rows], values, marker=".", label=label)
        axes.set_ylim(0, 1 if "mAP" in names else None)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    panels[-1].set_xlabel("epoch")
    return figure


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
