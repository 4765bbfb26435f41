"""Pascal VOC XML -> plain records; judges nothing, that is what the rules are for."""

import math
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from components.example_gen.source.exporters import exporter_of
from components.example_gen.source.voc_xml import AnnotationError, parse
from schemas.label_map import class_name
from schemas.mended_labels import MENDED_TAG

__all__ = ["AnnotationError"]
Convention = Literal["one_based", "zero_based", "zero_based_inclusive", "labelimg"]
_TRUE = frozenset({"1", "true"})
COORDINATES = ("xmin", "ymin", "xmax", "ymax")


class RawBox(NamedTuple):
    """A <bndbox> as it stands: the four texts, None where one is absent.

    `shape` is `polygon` or `robndbox` where the numbers come from one of these;
    `rotation` is in degrees, clockwise about the middle.
    """

    texts: tuple[str | None, str | None, str | None, str | None]
    shape: str = "bndbox"
    rotation: float = 0.0


class RawPart(NamedTuple):
    """A <part> inside an <object>."""

    name: str
    box: RawBox | None


class RawObject(NamedTuple):
    """An <object> as it stands; None where an element is absent."""

    name: str
    box: RawBox | None
    boxes_found: int
    difficult: str | None
    truncated: str | None
    occluded: str | None
    pose: str | None
    parts: tuple[RawPart, ...]
    deleted: bool = False
    name_as_written: str = ""  # where that is another
    instead: tuple[str, ...] = ()  # tags where <bndbox> or its corners should be


class Annotation(NamedTuple):
    """A whole annotation file as it stands."""

    root_tag: str
    filename: str | None
    size: tuple[str | None, str | None] | None  # width, height; None without <size>
    depth: str | None
    objects: tuple[RawObject, ...]
    exporter: str = ""  # "" where nothing gives it away
    odd_tags: tuple[str, ...] = ()  # spelled with capitals or a namespace
    mended: str = ""  # schemas/mended_labels.py


def _children(parent: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Children by tag; of several with one tag the first."""
    return {child.tag: child for child in reversed(parent)}


def _text(children: dict[str, ElementTree.Element], tag: str) -> str | None:
    child = children.get(tag)
    return None if child is None else (child.text or "").strip()


def _box(children: dict[str, ElementTree.Element]) -> RawBox | None:
    """From <bndbox>, else from <robndbox>, else the hull of <polygon>."""
    box = children.get("bndbox")
    if box is not None:
        sides = _children(box)
        xmin, ymin, xmax, ymax = [_text(sides, side) for side in COORDINATES]
        return RawBox((xmin, ymin, xmax, ymax), rotation=_rotation(children))
    if "robndbox" in children:
        return _turned_box(children["robndbox"])
    return _hull(children["polygon"]) if "polygon" in children else None


def _rotation(children: dict[str, ElementTree.Element]) -> float:
    """Degrees from <attributes>, as CVAT and datumaro write them, or <rotation>."""
    text = _text(children, "rotation")
    for attribute in children.get("attributes", ()):
        if (attribute.findtext("name") or "").strip() == "rotation":
            text = (attribute.findtext("value") or "").strip()
    degrees = to_number(text)
    return degrees % 360 if degrees and math.isfinite(degrees) else 0.0


def _turned_box(element: ElementTree.Element) -> RawBox:
    """As roLabelImg writes it: <cx> <cy> <w> <h> <angle>, the last in radians."""
    sides = _children(element)
    numbers = [to_number(_text(sides, tag)) for tag in ("cx", "cy", "w", "h", "angle")]
    known = [number for number in numbers if number is not None]
    if len(known) < 5 or not all(math.isfinite(number) for number in known):
        return RawBox((None, None, None, None), "robndbox")
    x, y, width, height, angle = known
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    xmin, ymin, xmax, ymax = [repr(corner) for corner in corners]
    return RawBox((xmin, ymin, xmax, ymax), "robndbox", math.degrees(angle) % 360)


def _hull(polygon: ElementTree.Element) -> RawBox:
    """The smallest box around points: <x> and <y> in points, or <x1> <y1> <x2> ..."""
    found: dict[str, list[float]] = {"x": [], "y": []}
    for element in polygon.iter():
        axis, number = element.tag[:1], to_number((element.text or "").strip())
        is_side = axis in found and (element.tag[1:].isdigit() or element.tag == axis)
        if is_side and number is not None and math.isfinite(number):
            found[axis].append(number)
    if not found["x"] or not found["y"]:
        return RawBox((None, None, None, None), "polygon")
    corners = (min(found["x"]), min(found["y"]), max(found["x"]), max(found["y"]))
    xmin, ymin, xmax, ymax = [repr(corner) for corner in corners]
    return RawBox((xmin, ymin, xmax, ymax), "polygon")


def _instead(element: ElementTree.Element, box: RawBox | None) -> tuple[str, ...]:
    """The tags of an <object> without a box, or of a <bndbox> that lacks a corner."""
    if box is not None and (box.shape != "bndbox" or all(box.texts)):
        return ()
    holder = element if box is None else element.find("bndbox")
    return () if holder is None else tuple([child.tag for child in holder])


def _boxes_found(element: ElementTree.Element) -> int:
    """How many <bndbox> an <object> has, equal ones once."""
    boxes = [child for child in element if child.tag == "bndbox"]
    if len(boxes) < 2:
        return len(boxes)
    return len({tuple([_text(_children(b), c) for c in COORDINATES]) for b in boxes})


def _deleted(children: dict[str, ElementTree.Element]) -> bool:
    return _text(children, "deleted") in _TRUE


def _part(element: ElementTree.Element) -> RawPart:
    children = _children(element)
    return RawPart(_text(children, "name") or "", _box(children))


def _object(element: ElementTree.Element) -> RawObject:
    children = _children(element)
    written = _text(children, "name") or ""
    name = class_name(written)
    box = _box(children)
    return RawObject(
        name=name,
        box=box,
        boxes_found=_boxes_found(element),
        difficult=_text(children, "difficult"),
        truncated=_text(children, "truncated"),
        occluded=_text(children, "occluded"),
        pose=_text(children, "pose"),
        parts=tuple([_part(child) for child in element if child.tag == "part"]),
        deleted=_deleted(children),
        name_as_written="" if written == name else written,
        instead=_instead(element, box),
    )


def read_annotation(raw: bytes) -> Annotation:
    """XML bytes -> Annotation; AnnotationError where they are not XML or not safe."""
    root, odd_tags = parse(raw)
    children = _children(root)
    size = _children(children["size"]) if "size" in children else None
    return Annotation(
        root_tag=root.tag,
        filename=_text(children, "filename"),
        size=None if size is None else (_text(size, "width"), _text(size, "height")),
        depth=None if size is None else _text(size, "depth"),
        # At any depth: an object inside an odd wrapper is not lost without a word.
        objects=tuple([_object(element) for element in root.iter("object")]),
        exporter=exporter_of(root),
        odd_tags=odd_tags,
        mended=_text(children, MENDED_TAG) or "",
    )


def class_names(raw: bytes) -> set[str]:
    """Class names of an annotation's objects, without reading more than that."""
    objects = parse(raw)[0].iter("object")
    return {
        class_name(element.findtext("name") or "")
        for element in objects
        if (element.findtext("deleted") or "").strip() not in _TRUE
    } - {""}


def to_number(text: str | None) -> float | None:
    """A decimal number, maybe not finite; None where the text is not one."""
    if text is None or "_" in text:  # Python alone reads 1_000 as a number
        return None
    try:
        return float(text)
    except ValueError:
        return None


def to_half_open(
    corners: tuple[float, float, float, float], convention: Convention = "one_based"
) -> tuple[float, float, float, float]:
    """The corners of a <bndbox> -> 0-based half-open xyxy pixels.

    VOC's own (`one_based`) count from 1 and include the last pixel: subtracting 1 from
    xmin and ymin alone does both. `zero_based` ones are half-open already;
    `zero_based_inclusive` ones end with the last pixel, which is at most width - 1;
    `labelimg` writes half-open ones with 1 for a minimum of 0. A minimum of 0 is always
    the first pixel.
    """
    xmin, ymin, xmax, ymax = corners
    if convention == "zero_based":
        return corners
    if convention == "zero_based_inclusive":
        return xmin, ymin, xmax + 1, ymax + 1
    if convention == "labelimg":
        return (
            0.0 if 0 <= xmin <= 1 else xmin,
            0.0 if 0 <= ymin <= 1 else ymin,
            xmax,
            ymax,
        )
    return (
        0.0 if 0 <= xmin < 1 else xmin - 1,
        0.0 if 0 <= ymin < 1 else ymin - 1,
        xmax,
        ymax,
    )
