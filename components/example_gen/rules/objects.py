"""Rules on one object; each sees the box as the rules before it left it."""

import math
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from components.example_gen.config import IngestConfig
from components.example_gen.rules.box_frame import BoxFrame, Numbers
from components.example_gen.rules.geometry import part_box
from components.example_gen.source.annotation import COORDINATES, RawObject
from schemas.single_box import Box, area_px2, clipped, inside_fraction

_FLAGS = ("difficult", "truncated", "occluded")
_KNOWN_FLAGS = {None, "", "0", "1"}


class ObjectFacts(NamedTuple):
    """One object in its image.

    `corners` are the four numbers of <bndbox>, `box` the half-open pixels made of
    them (None until all four are finite), `earlier` what the image already holds.
    """

    raw: RawObject
    width: int
    height: int
    frame: BoxFrame
    corners: Numbers
    box: Box | None
    known_classes: AbstractSet[str]
    earlier: AbstractSet[tuple[str, Box]]


class Repaired(NamedTuple):
    """A rule's answer that changes the box."""

    detail: str
    box: Box


def object_deleted(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """The object is marked as deleted, as LabelMe does; no loss."""
    return facts.raw.name or "unnamed" if facts.raw.deleted else None


def class_missing(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """The object has no class name."""
    return None if facts.raw.name else "no <name>"


def class_spaced(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """White space in the class name is not one blank each, or it is not NFC: mended."""
    written = facts.raw.name_as_written
    if not written:
        return None
    # NFC and NFD look the same.
    letters = " ".join(written.split()) != facts.raw.name
    show = ascii if letters else repr
    return f"{show(written)} is {show(facts.raw.name)}"


def unknown_class(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """The class is not in the label map (`unknown_class: stop` ends the run)."""
    name = facts.raw.name
    return None if name in facts.known_classes else name


def box_missing(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """No <bndbox>, <robndbox> or <polygon>, or a coordinate of it is absent."""
    tags = ", ".join(f"<{tag:.40}>" for tag in facts.raw.instead[:8])
    instead = f" among {tags}" if tags else ""
    if facts.raw.box is None:
        return f"no <bndbox>{instead}"
    absent = [
        side
        for side, text in zip(COORDINATES, facts.raw.box.texts, strict=True)
        if not text
    ]
    return f"no {', '.join(absent)}{instead}" if absent else None


def box_not_number(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """A coordinate is not a number."""
    texts = facts.raw.box.texts if facts.raw.box else ()
    bad = [
        f"{side} {text!r:.60}"
        for side, text, number in zip(COORDINATES, texts, facts.corners, strict=False)
        if number is None
    ]
    return ", ".join(bad) or None


def box_not_finite(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """A coordinate is NaN or infinite."""
    bad = [
        f"{side} {number}"
        for side, number in zip(COORDINATES, facts.corners, strict=True)
        if number is not None and not math.isfinite(number)
    ]
    return ", ".join(bad) or None


def box_repeated(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """More than one <bndbox>; the first is used."""
    found = facts.raw.boxes_found
    return f"{found} boxes" if found > 1 else None


def box_from_polygon(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """There is no <bndbox>: the hull of <polygon> is used."""
    polygon = facts.raw.box is not None and facts.raw.box.shape == "polygon"
    return _show(facts.corners) if polygon else None


def box_turned(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """The box is rotated: the hull of the turned box is used."""
    rotation = facts.raw.box.rotation if facts.raw.box else 0.0
    return f"{_show(facts.corners)} by {rotation:g} degrees" if rotation else None


def box_fractional(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """Coordinates with a fraction; kept as they are."""
    whole = all(number is not None and number % 1 == 0 for number in facts.corners)
    return None if whole else _show(facts.corners)


def box_zero_based(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """A minimum below 1 in data that count from 1; taken as the first pixel."""
    zero = any(number is not None and 0 <= number < 1 for number in facts.corners[:2])
    return (
        _show(facts.corners) if zero and facts.frame.convention == "one_based" else None
    )


def _inverted(corners: Numbers) -> bool:
    xmin, ymin, xmax, ymax = corners
    if xmin is None or ymin is None or xmax is None or ymax is None:
        return False
    return xmax < xmin or ymax < ymin


def box_swapped(facts: ObjectFacts, config: IngestConfig) -> Repaired | None:
    """Minimum above maximum and `swap_inverted` is on: swapped."""
    xmin, ymin, xmax, ymax = facts.corners
    if not config.swap_inverted or not _inverted(facts.corners):
        return None
    if xmin is None or ymin is None or xmax is None or ymax is None:
        return None
    ordered = (min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax))
    rotation = facts.raw.box.rotation if facts.raw.box else 0.0
    box = facts.frame.pixels(ordered, rotation)
    return None if box is None else Repaired(_show(facts.corners), box)


def box_inverted(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """Minimum above maximum."""
    inverted = _inverted(facts.corners) and not config.swap_inverted
    return _show(facts.corners) if inverted else None


def box_outside(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """Less than `min_inside` of the box lies inside the image."""
    if facts.box is None:
        return None
    inside = inside_fraction(facts.box, facts.width, facts.height)
    if not area_px2(facts.box) and _within(facts):
        return None  # a line or a point in the image: too small, not outside
    if inside >= config.min_inside and inside > 0:
        return None
    return f"{inside:.0%} of {_show(facts.corners)} in {facts.width}x{facts.height}"


def _within(facts: ObjectFacts) -> bool:
    assert facts.box is not None
    return clipped(facts.box, facts.width, facts.height) == facts.box


def box_clipped(facts: ObjectFacts, config: IngestConfig) -> Repaired | None:
    """The box leaves the image by less than that: clipped."""
    if facts.box is None:
        return None
    inside = clipped(facts.box, facts.width, facts.height)
    if inside == facts.box:
        return None
    size = f"{facts.width}x{facts.height}"
    return Repaired(f"{_show(facts.corners)} in {size}", inside)


def box_too_small(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """A side under `min_box_px`, after clipping."""
    if facts.box is None:
        return None
    xmin, ymin, xmax, ymax = facts.box
    small = min(xmax - xmin, ymax - ymin)
    if small >= config.min_box_px and small > 0:
        return None
    return f"{xmax - xmin:g}x{ymax - ymin:g} px"


def box_duplicate(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """The image already has this box with this class."""
    if facts.box is None or (facts.raw.name, facts.box) not in facts.earlier:
        return None
    return f"{facts.raw.name} {_show(facts.corners)}"


def flag_odd(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """A flag is neither 0 nor 1; a number above 0 and `true` count as 1, else 0."""
    odd = [
        f"{flag} {getattr(facts.raw, flag)!r:.40}"
        for flag in _FLAGS
        if getattr(facts.raw, flag) not in _KNOWN_FLAGS
    ]
    return ", ".join(odd) or None


def part_dropped(facts: ObjectFacts, config: IngestConfig) -> str | None:
    """A <part> without a usable box; the object stays, the part goes."""
    bad = [
        part.name or "unnamed"
        for part in facts.raw.parts
        if part_box(part, facts.frame, facts.width, facts.height) is None
    ]
    return ", ".join(bad) or None


def _show(corners: Numbers) -> str:
    return "[" + ", ".join("?" if n is None else f"{n:g}" for n in corners) + "]"
