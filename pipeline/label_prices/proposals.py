"""Images with suspicious labels as VOC annotations, some of these as they would be."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from components.example_gen.source.annotation import (
    AnnotationError,
    Convention,
    RawBox,
    read_annotation,
    to_half_open,
)
from components.example_gen.source.exporters import MENDED
from pipeline.label_prices.annotation_text import AnnotationText, bytes_of
from pipeline.label_prices.priced_list import Drawn, Label, Picture
from pipeline.label_prices.source_xml import elements_of
from schemas.label_map import class_name
from schemas.mended_labels import MENDED_TAG, DrawnObject, MendedLabel, to_text
from schemas.single_box import Box, clipped
from trainer.metrics.label_prices import BOX, DUPLICATE, NEW

ReadObject = tuple[str, RawBox | None]  # class and box
Objects = list[tuple[Drawn | None, Drawn | None]]  # as it was, as it would be
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
# What is added to half-open corners from 0, the inverse of `to_half_open`.
_ADDED: dict[Convention, Box] = {
    "one_based": (1, 1, 0, 0),
    "zero_based": (0, 0, 0, 0),
    "zero_based_inclusive": (0, 0, -1, -1),
    "labelimg": (0, 0, 0, 0),
}
_LEAST: dict[Convention, int] = {"one_based": 1, "labelimg": 1}


class Proposal(NamedTuple):
    """An annotation; `anew` where it has no more than what ingest keeps."""

    raw: bytes
    anew: bool


def proposed_annotation(
    picture: Picture, labels: Sequence[Label], corners: Convention
) -> Proposal:
    """The image's annotation with these of its labels mended, as VOC XML.

    `corners` is how the rest of the data set counts pixels.
    """
    mended = {label.object: label for label in labels if label.object != NEW}
    objects: Objects = [
        (drawn, _as_it_would_be(drawn, mended.get(number)))
        for number, drawn in enumerate(picture.objects)
    ]
    objects += [
        (None, Drawn(label.class_name, _xyxy(label)))
        for label in labels
        if label.object == NEW
    ]
    record = ET.Element(MENDED_TAG)
    record.text = to_text(
        [
            MendedLabel(_recorded(was, picture), _as_read(now, picture, corners))
            for was, now in objects
            if was != now
        ]
    )
    kept = _in_place(picture, objects, corners, record)
    if kept is not None:
        return Proposal(kept, anew=False)
    root = _anew(picture, objects, corners)
    root.append(record)
    ET.indent(root, "\t")
    return Proposal(ET.tostring(root, encoding="utf-8") + b"\n", anew=True)


def _anew(picture: Picture, objects: Objects, corners: Convention) -> ET.Element:
    """An annotation of its own, of what ingest keeps."""
    root = _head(picture, corners)
    for _, drawn in objects:
        if drawn is not None:
            root.append(_object(picture, drawn, corners))
    return root


def _in_place(
    picture: Picture, objects: Objects, corners: Convention, record: ET.Element
) -> bytes | None:
    """The annotation that was, with its objects mended and all else as it is.

    None where that cannot be, or would not be read as it is meant.
    """
    touched = {
        number: (was, now)
        for number, (was, now) in enumerate(objects)
        if was is not None and was != now
    }
    redrawn = [n for n, (was, now) in touched.items() if now and now.box != was.box]
    known = elements_of(picture, touched, redrawn, corners)
    if known is None:
        return None
    text = known.text
    read = {element: (one.name, one.box) for element, one in known.read.items()}
    for number, (element, *dropped) in known.of_object.items():
        was, now = touched[number]
        for other in dropped if now else [element, *dropped]:
            text.remove(other)
            del read[other]
        if now is not None:
            _mend(text, element, was, now, _texts(now, picture, corners))
            name, box = _read_back(now, picture, corners)
            read[element] = name, read[element][1] if now.box == was.box else box
    added = [now for was, now in objects if was is None and now is not None]
    for drawn in added:
        text.add(_object(picture, drawn, corners))
    for earlier in text.root.findall(MENDED_TAG):
        text.remove(earlier)
    # Behind the objects, with which an annotation tool may do as it likes.
    text.add(record)
    raw = bytes_of(text.edited())
    new = [_read_back(drawn, picture, corners) for drawn in added]
    return raw if _is_read_as(raw, [*read.values(), *new]) else None


def _read_back(drawn: Drawn, picture: Picture, corners: Convention) -> ReadObject:
    """What is written of an object, as ingest reads it."""
    left, top, right, bottom = _texts(drawn, picture, corners)
    return class_name(drawn.class_name), RawBox((left, top, right, bottom))


def _is_read_as(raw: bytes, objects: Sequence[ReadObject]) -> bool:
    try:
        found = read_annotation(raw).objects
    except AnnotationError:
        return False
    return Counter((one.name, one.box) for one in found) == Counter(objects)


def _mend(
    text: AnnotationText, element: ET.Element, was: Drawn, now: Drawn, sides: list[str]
) -> None:
    """Class and box where they changed; as they are written otherwise."""
    if now.class_name != was.class_name:
        text.set_text(_child(element, "name"), now.class_name)
    if now.box != was.box:
        bndbox = _child(element, "bndbox")
        for name, side in zip(_SIDES, sides, strict=True):
            text.set_text(_child(bndbox, name), side)


def _child(parent: ET.Element, name: str) -> ET.Element:
    found = parent.find(name)
    assert found is not None  # or ingest had no such object
    return found


def _recorded(drawn: Drawn | None, picture: Picture) -> DrawnObject | None:
    """An object as ingest has it: within the image."""
    if drawn is None:
        return None
    box = clipped(drawn.box, picture.width, picture.height)
    return DrawnObject(drawn.class_name, box, drawn.difficult)


def _as_read(
    drawn: Drawn | None, picture: Picture, corners: Convention
) -> DrawnObject | None:
    """An object as ingest will read what is written of it."""
    if drawn is None:
        return None
    left, top, right, bottom = map(float, _texts(drawn, picture, corners))
    read = to_half_open((left, top, right, bottom), corners)
    return _recorded(msgspec.structs.replace(drawn, box=read), picture)


def _as_it_would_be(drawn: Drawn, label: Label | None) -> Drawn | None:
    """An object, mended; None where it goes."""
    if label is None:
        return drawn
    if label.kind == DUPLICATE:
        return None
    return Drawn(
        label.class_name,
        _xyxy(label) if label.kind == BOX else drawn.box,
        drawn.pose,
        drawn.truncated,
        drawn.occluded,
        drawn.difficult,
    )


def _xyxy(label: Label) -> Box:
    """A model's box; in whole pixels, since it knows no better."""
    left, top, width, height = label.box_xywh
    return round(left), round(top), round(left + width), round(top + height)


def _head(picture: Picture, corners: Convention) -> ET.Element:
    root = ET.Element("annotation")
    _add(root, "filename", _NOT_IN_XML.sub("\ufffd", picture.filename))
    marks = (mark for mark, meant in MENDED.items() if meant == corners)
    _add(ET.SubElement(root, "source"), "database", next(marks))
    size = ET.SubElement(root, "size")
    for name, value in (("width", picture.width), ("height", picture.height)):
        _add(size, name, str(value))
    _add(size, "depth", "3")
    return root


def _object(picture: Picture, drawn: Drawn, corners: Convention) -> ET.Element:
    item = ET.Element("object")
    _add(item, "name", drawn.class_name)
    _add(item, "pose", drawn.pose or "Unspecified")
    for flag in ("truncated", "occluded"):
        _add(item, flag, str(int(getattr(drawn, flag))))
    bndbox = ET.SubElement(item, "bndbox")
    for side, text in zip(_SIDES, _texts(drawn, picture, corners), strict=True):
        _add(bndbox, side, text)
    _add(item, "difficult", str(int(drawn.difficult)))
    return item


def _texts(drawn: Drawn, picture: Picture, corners: Convention) -> list[str]:
    """Of xmin, ymin, xmax, ymax."""
    limits = (picture.width, picture.height) * 2
    least = _LEAST.get(corners, 0)
    columns = zip(drawn.box, _ADDED[corners], limits, strict=True)
    return [
        _as_text(min(max(value + added, least), limit))
        for value, added, limit in columns
    ]


def _as_text(side: float) -> str:
    """To a thousandth of a pixel: float32 says no more of large pictures."""
    return f"{side:.3f}".rstrip("0").rstrip(".")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
