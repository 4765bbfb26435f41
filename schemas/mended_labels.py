"""What labels of an image were before a person let them be mended.

`voc-pipeline labels --accept` leaves it in the annotation, as the text of `<mended>`;
ingest carries it into the example, and the report tells from it what was bought.
"""

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from schemas.single_box import Box

MENDED_TAG = "mended"
_MOST_PX = 2**31  # a PNG's largest side
# Class name, xyxy, difficult.
_Plain = tuple[str, float, float, float, float, Literal[0, 1]]


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
        pairs = msgspec.json.decode(
            text, type=list[tuple[_Plain | None, _Plain | None]]
        )
        return [_label(was, now) for was, now in pairs]
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ValueError(f"no record of mended labels: {text[:60]!r}") from error


def _plain(drawn: DrawnObject | None) -> list[object] | None:
    if drawn is None:
        return None
    sides = [round(float(side), 3) for side in drawn.box]
    return [drawn.class_name, *sides, int(drawn.difficult)]


def _label(was: _Plain | None, now: _Plain | None) -> MendedLabel:
    if was is None and now is None:
        raise ValueError("a label that neither was nor is")
    return MendedLabel(_drawn(was), _drawn(now))


def _drawn(plain: _Plain | None) -> DrawnObject | None:
    if plain is None:
        return None
    name, left, top, right, bottom, difficult = plain
    # Not less: a box that rounding left without a side was written so.
    if not (0 <= left <= right <= _MOST_PX and 0 <= top <= bottom <= _MOST_PX):
        raise ValueError(f"no box in an image: {plain[1:5]}")
    return DrawnObject(name, (left, top, right, bottom), bool(difficult))
