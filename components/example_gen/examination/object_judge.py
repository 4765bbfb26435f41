"""Runs the object rules over one image's objects."""

import dataclasses
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np

from components.example_gen.config import IngestConfig
from components.example_gen.rules import OBJECT_RULES
from components.example_gen.rules.box_frame import BoxFrame
from components.example_gen.rules.geometry import box_of, corners_of, part_box
from components.example_gen.rules.likely_cause import (
    CORNER_REASONS,
    has_ymax_of_xmin,
    likely_causes,
)
from components.example_gen.rules.objects import ObjectFacts, Repaired
from components.example_gen.rules.rule import DROP_OBJECT, REPAIR, Rule
from components.example_gen.source.annotation import RawObject, to_number
from schemas import boxes as box_format
from schemas.single_box import Box


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectHit:
    """A rule that fired on an object."""

    index: int
    rule: Rule
    detail: str
    box: Box | None


class Kept(NamedTuple):
    """An object that is written."""

    raw: RawObject
    box: Box


class JudgedObjects(NamedTuple):
    """What is kept, and why the rest is not."""

    kept: tuple[Kept, ...]
    hits: tuple[ObjectHit, ...]
    repaired: int
    causes: tuple[str, ...]  # what would explain the dropped boxes
    ymax_is_xmin: int  # in so many boxes, kept or not


def judge_objects(
    objects: tuple[RawObject, ...],
    size: tuple[int, int],
    frame: BoxFrame,
    known_classes: AbstractSet[str],
    config: IngestConfig,
) -> JudgedObjects:
    """Objects of an image of (width, height) -> those kept, and every rule's hit."""
    kept: list[Kept] = []
    hits: list[ObjectHit] = []
    earlier: set[tuple[str, Box]] = set()
    repaired, causes = 0, list[str]()
    for index, raw in enumerate(objects):
        corners = corners_of(raw.box)
        facts = ObjectFacts(
            raw, *size, frame, corners, box_of(raw.box, frame), known_classes, earlier
        )
        found, box = _judge_one(index, facts, config)
        hits += found
        if box is None:
            if found[-1].rule.code in CORNER_REASONS:
                causes += likely_causes(corners, *size)
            continue
        kept.append(Kept(raw, box))
        earlier.add((raw.name, box))
        repaired += any(hit.rule.action == REPAIR for hit in found)
    alike = sum(has_ymax_of_xmin(corners_of(raw.box)) for raw in objects)
    return JudgedObjects(tuple(kept), tuple(hits), repaired, tuple(causes), alike)


def _judge_one(
    index: int, facts: ObjectFacts, config: IngestConfig
) -> tuple[list[ObjectHit], Box | None]:
    """Every hit on one object, and its box; None where it is dropped."""
    hits: list[ObjectHit] = []
    for rule in OBJECT_RULES:
        answer = rule.check(facts, config)
        if answer is None:
            continue
        if isinstance(answer, Repaired):
            facts = facts._replace(box=answer.box)
            answer = answer.detail
        hits.append(ObjectHit(index, rule, answer, facts.box))
        if rule.action == DROP_OBJECT:
            return hits, None
    return hits, facts.box


def flag(text: str | None) -> bool:
    """What a flag's text means: a number above 0 and `true` are true."""
    if text is None or text in {"", "0"}:
        return False
    number = to_number(text)
    return text.lower() == "true" if number is None else number > 0


def to_fields(
    judged: JudgedObjects, size: tuple[int, int], frame: BoxFrame
) -> dict[str, Any]:
    """The fields of a DetectionExample that come from its objects."""
    raws = [item.raw for item in judged.kept]
    parts = [
        (index, part.name, box)
        for index, raw in enumerate(raws)
        for part in raw.parts
        if (box := part_box(part, frame, *size)) is not None
    ]
    return {
        "boxes": box_format.as_boxes([item.box for item in judged.kept]),
        "class_names": tuple(raw.name for raw in raws),
        "difficult": np.array([flag(raw.difficult) for raw in raws], np.bool_),
        "truncated": np.array([flag(raw.truncated) for raw in raws], np.bool_),
        "occluded": np.array([flag(raw.occluded) for raw in raws], np.bool_),
        "poses": tuple(raw.pose or "Unspecified" for raw in raws),
        "part_boxes": box_format.as_boxes([box for _, _, box in parts]),
        "part_names": tuple(name for _, name, _ in parts),
        "part_object_index": np.array([index for index, _, _ in parts], np.int64),
    }
