"""The annotations that labels in doubt come from, and the elements of their objects.

All that ingest does not read stays in them: parts, outlines, tags of other tools,
objects that it drops.
"""

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from components.example_gen.config import IngestConfig
from components.example_gen.plan.plan import make_plan
from components.example_gen.rules.box_frame import BoxFrame
from components.example_gen.rules.frame import declared_size
from components.example_gen.rules.geometry import box_of
from components.example_gen.source import storage
from components.example_gen.source.annotation import (
    Annotation,
    Convention,
    RawBox,
    RawObject,
    read_annotation,
)
from components.example_gen.source.voc_xml import AnnotationError
from pipeline.label_prices.annotation_text import AnnotationText, bytes_of, text_of
from pipeline.label_prices.priced_list import Drawn, Picture, SourceXml
from schemas.single_box import Box, clipped

MOST_CHARACTERS = 64 * 1024  # the page of labels holds the XML of each of its images
_SAME_PX = 0.01  # relative coordinates in float32 come back that near
_MAX_BYTES = IngestConfig().max_file_bytes


class Elements(NamedTuple):
    """Of an annotation its text, and the elements of some objects by their number.

    The first of several is read by ingest, which drops the others, its equals.
    `read` holds every object of the annotation by its element.
    """

    text: AnnotationText
    read: dict[ET.Element, RawObject]
    of_object: dict[int, list[ET.Element]]


def source_xmls(
    root: str, image_ids: Collection[str], *, follow_symlinks: bool = False
) -> dict[str, SourceXml]:
    """Image id -> its annotation, of a VOC data set that ingest has read."""
    plan = make_plan(
        storage.list_files(root),
        lambda entry: storage.read_bytes(entry, _MAX_BYTES),
        follow_symlinks=follow_symlinks,
    )
    return {
        item.image_id: _source_xml(item.annotation_name, item.annotation)
        for item in plan.items
        if item.image_id in image_ids and item.annotation
    }


def _source_xml(path: str, entry: storage.Entry) -> SourceXml:
    raw = storage.read_bytes(entry, _MAX_BYTES)
    try:
        text = text_of(raw)
    except AnnotationError:  # damaged after ingest read it, during long trainings
        return SourceXml(path, "", "")
    except RecursionError:  # elements in elements, a thousand deep
        text = ""
    digest = hashlib.sha256(raw).hexdigest()
    return SourceXml(path, digest, text if len(text) <= MOST_CHARACTERS else "")


def changed_since(pictures: Mapping[str, Picture], root: str) -> list[str] | None:
    """Ids of images whose annotation in the data is another one than the list's.

    None where nothing can be compared: none of the annotations is there, or the list
    does not know them.
    """
    known = {name: one for name, one in pictures.items() if one.sha256}
    entries = {entry.name: entry for entry in storage.list_files(root, times=False)}
    if not any(one.path in entries for one in known.values()):
        return None
    return [
        image_id
        for image_id, one in known.items()
        if one.path not in entries or _digest(entries[one.path]) != one.sha256
    ]


def _digest(entry: storage.Entry) -> str:
    """Of a file's bytes; "", which no file has, where it cannot be read any more."""
    try:
        return hashlib.sha256(storage.read_bytes(entry, _MAX_BYTES)).hexdigest()
    except (OSError, storage.TooLargeError):
        return ""


def elements_of(
    picture: Picture,
    numbers: Iterable[int],
    redrawn: Collection[int],
    corners: Convention,
) -> Elements | None:
    """The elements of these objects of the picture, some of which will be redrawn.

    None where there is no annotation, where its numbers need not be pixels of the
    stored picture, where one of these objects is not in it as ingest wrote it, or one
    to redraw has no upright <bndbox>.
    """
    try:
        text = AnnotationText(picture.source)
        annotation = read_annotation(bytes_of(picture.source))
    except AnnotationError:  # there is none, or the file of answers was edited
        return None
    if not _in_stored_pixels(annotation, picture):
        return None
    read = dict(zip(text.root.iter("object"), annotation.objects, strict=True))
    left = dict(read)
    of_object: dict[int, list[ET.Element]] = {}
    for number in numbers:
        same = _elements_of(picture.objects[number], left, picture, corners)
        if not same or (number in redrawn and not _is_plain(read[same[0]].box)):
            return None
        of_object[number] = same
        for element in same:
            del left[element]
    return Elements(text, read, of_object)


def _in_stored_pixels(annotation: Annotation, picture: Picture) -> bool:
    """Whether ingest takes boxes as they are, whatever boxes there are."""
    declared = declared_size(annotation)
    if declared is None:
        return picture.orientation == 1
    return declared == (picture.width, picture.height)


def _elements_of(
    drawn: Drawn,
    known: Mapping[ET.Element, RawObject],
    picture: Picture,
    corners: Convention,
) -> list[ET.Element]:
    """The object that is nearest to what ingest wrote, and its equals; maybe none."""
    boxes: dict[ET.Element, Box] = {}
    for element, one in known.items():
        box = box_of(one.box, BoxFrame(corners))
        if one.name == drawn.class_name and not one.deleted and box is not None:
            boxes[element] = clipped(box, picture.width, picture.height)
    off = {element: _apart(box, drawn.box) for element, box in boxes.items()}
    nearest = min(off, key=off.__getitem__, default=None)
    if nearest is None or off[nearest] > _SAME_PX:
        return []
    return [element for element, box in boxes.items() if box == boxes[nearest]]


def _apart(one: Box, other: Box) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _is_plain(box: RawBox | None) -> bool:
    return box is not None and box.shape == "bndbox" and not box.rotation
