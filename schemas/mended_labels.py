"""What labels of an image were before a person let them be mended.

`voc-pipeline labels --accept` leaves it in the annotation, as the text of `<mended>`;
ingest carries it into the example, and the report tells from it what was bought.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from schemas.single_box import Box

MENDED_TAG = "mended"


class DrawnObject(NamedTuple):
    """An object as it was or is annotated; box xyxy, stored pixels from 0."""

    class_name: str
    box: Box
    difficult: bool


class MendedLabel(NamedTuple):
    """One label: `was` is None where it was overlooked, `now` where it went."""

    was: DrawnObject | None
    now: DrawnObject | None


def to_text(labels: Sequence[MendedLabel]) -> str:
    """JSON; boxes to a thousandth of a pixel, as annotations have them."""
    return json.dumps([[_plain(label.was), _plain(label.now)] for label in labels])


def from_text(text: str) -> list[MendedLabel]:
    """The inverse of `to_text`; ValueError where somebody has edited it."""
    try:
        return [MendedLabel(_drawn(was), _drawn(now)) for was, now in json.loads(text)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"no record of mended labels: {text[:60]!r}") from error


def _plain(drawn: DrawnObject | None) -> list[object] | None:
    if drawn is None:
        return None
    sides = [round(float(side), 3) for side in drawn.box]
    return [drawn.class_name, *sides, int(drawn.difficult)]


def _drawn(plain: Sequence[object] | None) -> DrawnObject | None:
    if plain is None:
        return None
    name, xmin, ymin, xmax, ymax, difficult = plain
    if not isinstance(name, str):
        raise TypeError(f"a class name is text, got {name!r}")
    sides = (float(side) for side in (xmin, ymin, xmax, ymax))  # type: ignore[arg-type]
    left, top, right, bottom = sides
    return DrawnObject(name, (left, top, right, bottom), bool(difficult))
