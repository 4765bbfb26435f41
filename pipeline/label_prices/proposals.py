"""Images with suspicious labels as VOC annotations, some of these as they would be."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from components.example_gen.source.annotation import Convention
from components.example_gen.source.exporters import MENDED
from pipeline.label_prices.priced_list import Drawn, Label, Picture
from schemas.mended_labels import MENDED_TAG, DrawnObject, MendedLabel, to_text
from schemas.single_box import Box, clipped
from trainer.metrics.label_prices import BOX, DUPLICATE, NEW

_SIDES = ("xmin", "ymin", "xmax", "ymax")
# What is added to half-open corners from 0, the inverse of `to_half_open`.
_ADDED: dict[Convention, Box] = {
    "one_based": (1, 1, 0, 0),
    "zero_based": (0, 0, 0, 0),
    "zero_based_inclusive": (0, 0, -1, -1),
    "labelimg": (0, 0, 0, 0),
}
_LEAST: dict[Convention, int] = {"one_based": 1, "labelimg": 1}


def proposed_annotation(
    picture: Picture, labels: Sequence[Label], corners: Convention
) -> str:
    """The image's annotation with these of its labels mended, as VOC XML.

    `corners` is how the rest of the data set counts pixels.
    """
    root = _head(picture, corners)
    mended = {label.object: label for label in labels if label.object != NEW}
    objects: list[tuple[Drawn | None, Drawn | None]] = [
        (drawn, _as_it_would_be(drawn, mended.get(number)))
        for number, drawn in enumerate(picture.objects)
    ]
    objects += [
        (None, Drawn(label.class_name, _xyxy(label)))
        for label in labels
        if label.object == NEW
    ]
    for _, drawn in objects:
        if drawn is not None:
            _add_object(root, picture, drawn, corners)
    record = [
        MendedLabel(_recorded(was, picture), _recorded(now, picture))
        for was, now in objects
        if was != now
    ]
    ET.indent(root, "\t")
    # Behind the objects, with which an annotation tool may do as it likes.
    _add(root, MENDED_TAG, to_text(record))
    return ET.tostring(root, encoding="unicode") + "\n"


def _recorded(drawn: Drawn | None, picture: Picture) -> DrawnObject | None:
    """An object as ingest will have it: within the image."""
    if drawn is None:
        return None
    box = clipped(drawn.box, picture.width, picture.height)
    return DrawnObject(drawn.class_name, box, drawn.difficult)


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
    _add(root, "filename", picture.filename)
    marks = (mark for mark, meant in MENDED.items() if meant == corners)
    _add(ET.SubElement(root, "source"), "database", next(marks))
    size = ET.SubElement(root, "size")
    for name, value in (("width", picture.width), ("height", picture.height)):
        _add(size, name, str(value))
    _add(size, "depth", "3")
    return root


def _add_object(
    root: ET.Element, picture: Picture, drawn: Drawn, corners: Convention
) -> None:
    item = ET.SubElement(root, "object")
    _add(item, "name", drawn.class_name)
    _add(item, "pose", drawn.pose or "Unspecified")
    for flag in ("truncated", "occluded"):
        _add(item, flag, str(int(getattr(drawn, flag))))
    bndbox = ET.SubElement(item, "bndbox")
    limits = (picture.width, picture.height) * 2
    for side, value, added, limit in zip(
        _SIDES, drawn.box, _ADDED[corners], limits, strict=True
    ):
        least = _LEAST.get(corners, 0)
        _add(bndbox, side, _as_text(min(max(value + added, least), limit)))
    _add(item, "difficult", str(int(drawn.difficult)))


def _as_text(side: float) -> str:
    """To a thousandth of a pixel: float32 says no more of large pictures."""
    return f"{side:.3f}".rstrip("0").rstrip(".")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
