"""The annotations that labels in doubt come from, and these mended in their place.

All that ingest does not read stays in them: parts, outlines, tags of other tools,
objects that it drops.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Sequence

from components.example_gen.config import IngestConfig
from components.example_gen.plan.plan import make_plan
from components.example_gen.source import spans, storage
from components.example_gen.source.annotation import (
    Convention,
    RawObject,
    read_annotation,
    to_half_open,
    to_number,
)
from components.example_gen.source.voc_xml import AnnotationError, parse
from pipeline.label_prices.priced_list import Drawn, Picture
from schemas.single_box import Box, clipped

_SAME_PX = 0.01  # relative coordinates in float32 come back that near


def annotation_texts(data: str, image_ids: Collection[str]) -> dict[str, str]:
    """Image id -> its annotation's XML, of a VOC data set that ingest has read."""
    config, place = IngestConfig(), spans.resolve(data).root
    plan = make_plan(
        storage.list_files(place),
        lambda ref: storage.read_bytes(ref, config.max_file_bytes),
        follow_symlinks=config.follow_symlinks,
    )
    return {
        item.image_id: ET.tostring(parse(raw)[0], encoding="unicode")
        for item in plan.items
        if item.image_id in image_ids and item.annotation
        for raw in [storage.read_bytes(item.annotation, config.max_file_bytes)]
    }


def elements_of(
    picture: Picture, corners: Convention
) -> tuple[ET.Element, list[ET.Element]] | None:
    """The annotation's root, and the element of each object of the picture.

    None where there is no annotation, or where its boxes are not those that ingest
    wrote: they were turned, scaled or cut in a way that is not undone here.
    """
    if not picture.source:
        return None
    raw = picture.source.encode()
    try:
        root, _ = parse(raw)
    except AnnotationError:  # somebody has edited the file of answers
        return None
    open_elements = list(
        zip(root.iter("object"), read_annotation(raw).objects, strict=True)
    )
    found = []
    for drawn in picture.objects:
        same = (
            number
            for number, (_, known) in enumerate(open_elements)
            if _is(known, drawn, picture, corners)
        )
        number = next(same, None)
        if number is None:
            return None
        found.append(open_elements.pop(number)[0])
    return root, found


def _is(known: RawObject, drawn: Drawn, picture: Picture, corners: Convention) -> bool:
    if known.name != drawn.class_name or known.box is None:
        return False
    if known.box.shape != "bndbox" or known.box.rotation or known.deleted:
        return False
    box = _half_open(known.box.texts, corners)
    if box is None:
        return False
    inside = clipped(box, picture.width, picture.height)
    return all(
        abs(one - other) <= _SAME_PX
        for one, other in zip(inside, drawn.box, strict=True)
    )


def _half_open(texts: Sequence[str | None], corners: Convention) -> Box | None:
    sides = [to_number(text) for text in texts]
    known = [side for side in sides if side is not None]
    if len(known) < len(sides):
        return None
    left, top, right, bottom = known
    return to_half_open((left, top, right, bottom), corners)


def remove(root: ET.Element, element: ET.Element) -> None:
    """Takes an element out of whatever holds it."""
    for parent in root.iter():
        if element in list(parent):
            parent.remove(element)
            return
