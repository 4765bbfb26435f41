"""Images with suspicious labels as VOC annotations, each suspicion as it would be."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np

from schemas.detection_example import DetectionExample
from trainer.metrics.label_prices import BOX, DUPLICATE, NEW, Suspicion

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def proposed_annotation(
    example: DetectionExample,
    suspicions: Sequence[tuple[Suspicion, int]],
    class_names: Sequence[str],
) -> str:
    """The image's annotation with every suspicion taken for true, as VOC XML.

    Args:
      example: the image with its objects as they are; parts of objects are left out.
      suspicions: each with the number of its object in the example, -1 for a new one.
      class_names: by class id.
    """
    would_be = {number: (one, class_names[one.class_id]) for one, number in suspicions}
    root = _head(example)
    boxes = np.asarray(example.boxes, np.float64).tolist()
    for number, (name, box) in enumerate(zip(example.class_names, boxes, strict=True)):
        flags = (
            example.poses[number] or "Unspecified",
            example.truncated[number],
            example.occluded[number],
            example.difficult[number],
        )
        one, new_name = would_be.get(number, (None, name))
        if one is not None and one.kind == DUPLICATE:
            continue
        place = _xyxy(one) if one is not None and one.kind == BOX else box
        _add_object(root, example, new_name, place, flags)
    for one, number in suspicions:
        if number == NEW:
            name = class_names[one.class_id]
            _add_object(root, example, name, _xyxy(one), ("Unspecified", 0, 0, 0))
    ET.indent(root, "\t")
    return ET.tostring(root, encoding="unicode") + "\n"


def _xyxy(one: Suspicion) -> list[float]:
    left, top, width, height = one.box_xywh
    return [left, top, left + width, top + height]


def _head(example: DetectionExample) -> ET.Element:
    root = ET.Element("annotation")
    _add(root, "filename", example.filename)
    size = ET.SubElement(root, "size")
    for name, value in (("width", example.width), ("height", example.height)):
        _add(size, name, str(value))
    _add(size, "depth", "3")
    return root


def _add_object(
    root: ET.Element,
    example: DetectionExample,
    name: str,
    box: Sequence[float],
    flags: tuple[str, object, object, object],
) -> None:
    """VOC counts pixels from 1 and includes the last one."""
    pose, truncated, occluded, difficult = flags
    item = ET.SubElement(root, "object")
    _add(item, "name", name)
    _add(item, "pose", pose)
    for flag, value in (("truncated", truncated), ("occluded", occluded)):
        _add(item, flag, str(int(bool(value))))
    bndbox = ET.SubElement(item, "bndbox")
    limits = (example.width, example.height) * 2
    for side, value, first, limit in zip(
        _SIDES, box, (1, 1, 0, 0), limits, strict=True
    ):
        _add(bndbox, side, str(min(max(round(value) + first, 1), limit)))
    _add(item, "difficult", str(int(bool(difficult))))


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
