"""A VOC data set as ground truth for the metrics; no TensorFlow, no Beam.

It is read as ingest reads it: the same files, sets and frames of boxes, the same rules
on objects. What ingest leaves out and can be scored all the same is scored, and told.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.example_gen.config import IngestConfig
from components.example_gen.examination.object_judge import flag, judge_objects
from components.example_gen.plan.corners import decided
from components.example_gen.plan.plan import make_plan
from components.example_gen.rules.box_frame import FrameFound, Size, find_frame
from components.example_gen.rules.frame import conflict_of, declared_size
from components.example_gen.rules.geometry import box_of, reach_of
from components.example_gen.rules.rule import DROP_OBJECT
from components.example_gen.source import storage
from components.example_gen.source.annotation import (
    Annotation,
    AnnotationError,
    RawObject,
    read_annotation,
)
from components.example_gen.source.headers import read_shape
from components.example_gen.source.item import Item
from schemas.boxes import to_xywh
from schemas.label_map import LabelMap
from schemas.single_box import Box
from schemas.user_error import UserError
from trainer.metrics.box_columns import GroundTruths
from trainer.metrics.coco_files import AnnotatedImages

# Without an image and a <size> no box is clipped.
_UNBOUNDED = 1 << 30
# Objects of these are nobody's ground truth, whatever their boxes.
_NO_TRUTH = {"object_deleted", "class_missing", "unknown_class"}
_SHOWN = 3


class _Object(NamedTuple):
    image: int
    name: str
    box: Box  # xyxy pixels, 0-based, half-open
    difficult: bool


@dataclasses.dataclass
class _Told:
    """What ingest would do otherwise, by its reasons."""

    scored: Counter[str] = dataclasses.field(default_factory=Counter)
    unscored: Counter[str] = dataclasses.field(default_factory=Counter)
    images: Counter[str] = dataclasses.field(default_factory=Counter)
    rejected: Counter[str] = dataclasses.field(default_factory=Counter)
    conflicts: list[str] = dataclasses.field(default_factory=list)  # image: both sizes
    corners: str = ""  # how boxes count pixels, where not VOC's way

    def lines(self) -> Iterator[str]:
        """A line each for what is scored in spite of ingest and for what is not."""
        if self.corners:
            yield self.corners
        if self.scored:
            yield f"objects scored that ingest drops: {_counts(self.scored)}"
        if self.unscored:
            yield f"objects not scored, as in ingest: {_counts(self.unscored)}"
        if self.images:
            yield f"images not scored, as in ingest: {_counts(self.images)}"
        if self.rejected:
            told = f"images scored that ingest rejects: {_counts(self.rejected)}"
            yield told + self._conflicts()

    def _conflicts(self) -> str:
        """Which images have a `size_conflict`; "" where none has."""
        more = len(self.conflicts) - _SHOWN
        shown = "; ".join(self.conflicts[:_SHOWN])
        shown += f"; and {more} more" if more > 0 else ""
        return f"; size_conflict: {shown}" if shown else ""


def read_voc(
    data: Path,
    image_set: str = "",
    config: IngestConfig = IngestConfig(),
) -> tuple[AnnotatedImages, list[str]]:
    """A VOC directory or tar, or one image set of it; and what differs from ingest.

    `config` is what ingest was told. A result refers to an image by its id in ingest
    (the annotation's name without `.xml`), or by the number that name is if it is all
    digits; to a class by its place, from 1, in the label map or else in the alphabet.
    """
    label_map = LabelMap(config.label_map) if config.label_map else None
    items = _items(data, image_set, config)
    # As ingest decides it: for the whole data set, also where one set of it is scored.
    whole = _items(data, "", config) if image_set else items
    config, found = decided(whole, config)
    told = _Told(corners=found.line() if found.convention != "one_based" else "")
    annotated = []
    for item in items:
        annotation = _annotation(item, config, told)
        if annotation is not None:
            annotated.append((item, annotation))
    objects = [
        found
        for row, (item, annotation) in enumerate(annotated)
        for found in _objects(row, item, annotation, config, told)
    ]
    if not objects:
        raise UserError(
            f"{data}: {len(annotated)} annotations, and no object in them to score; "
            + "; ".join(told.lines())
        )
    ids = [item.image_id for item, _ in annotated]
    where = f"{data} (image set {image_set})" if image_set else str(data)
    return _as_ground_truth(where, ids, objects, label_map), list(told.lines())


def _items(data: Path, image_set: str, config: IngestConfig) -> list[Item]:
    """Items in the order of their ids, each once."""
    try:
        entries = storage.list_files(str(data))
    except OSError as error:
        raise UserError(f"{data} cannot be read: {error.strerror}") from error
    plan = make_plan(
        entries,
        lambda ref: storage.read_bytes(ref, config.max_file_bytes),
        follow_symlinks=config.follow_symlinks,
        unannotated=config.unannotated,
        image_set=image_set,
    )
    if not any(item.annotation for item in plan.items):
        raise UserError(
            f"{data} holds no annotations: give a directory of XML files, or one with "
            "Annotations/ in it, such as VOCdevkit/VOC2007, or a .tar of one"
        )
    once = {item.image_id: item for item in plan.items}
    return [once[image_id] for image_id in sorted(once)]


def _annotation(item: Item, config: IngestConfig, told: _Told) -> Annotation | None:
    """An item's annotation; None, and told, where ingest rejects the image for it."""
    if item.annotation is None:
        if config.unannotated == "negative" and item.image is not None:
            return Annotation("annotation", None, None, None, ())
        absent = "listed_absent" if item.image is None else "annotation_missing"
        told.images[absent] += 1
        return None
    try:
        raw = storage.read_bytes(item.annotation, config.max_file_bytes)
        annotation = read_annotation(raw)
    except AnnotationError as error:
        told.images[f"xml_{error.kind}"] += 1
        return None
    except storage.TooLargeError:
        told.images["annotation_too_large"] += 1
        return None
    except OSError as error:
        where = item.annotation_name
        raise UserError(f"{where} cannot be read: {error.strerror}") from error
    if annotation.root_tag != "annotation" and not annotation.objects:
        told.images["not_voc"] += 1
        return None
    told.rejected.update(_rejections(item))
    return annotation


def _rejections(item: Item) -> list[str]:
    """Why ingest rejects an image whose annotation can be scored."""
    if item.unsafe:
        return ["path_unsafe"]
    if item.image is None:
        return ["image_ambiguous" if item.unclear else "image_missing"]
    return []


def _objects(
    row: int, item: Item, annotation: Annotation, config: IngestConfig, told: _Told
) -> Iterator[_Object]:
    """The objects of an image that can be scored."""
    (width, height), found = _frame(item, annotation, config)
    if item.image is not None and width != _UNBOUNDED:
        conflict = _size_conflict(annotation, (width, height), found)
        if conflict is not None:
            told.rejected["size_conflict"] += 1
            told.conflicts.append(f"{item.image_id}: {conflict}")
    judged = judge_objects(
        annotation.objects,
        (width, height),
        found.frame,
        _known_classes(annotation, config),
        config,
    )
    for kept in judged.kept:
        yield _object(row, kept.raw, kept.box)
    for hit in judged.hits:
        if hit.rule.action != DROP_OBJECT:
            continue
        raw = annotation.objects[hit.index]
        box = box_of(raw.box, found.frame)
        no_truth = hit.rule.code in _NO_TRUTH
        if no_truth or box is None or box[2] < box[0] or box[3] < box[1]:
            told.unscored[hit.rule.code] += 1
        else:
            told.scored[hit.rule.code] += 1
            yield _object(row, raw, box)


def _known_classes(annotation: Annotation, config: IngestConfig) -> frozenset[str]:
    """Classes whose objects are kept; one that stops ingest is refused later on."""
    if config.label_map and config.unknown_class == "drop":
        return frozenset(config.label_map)
    return frozenset(raw.name for raw in annotation.objects)


def _size_conflict(
    annotation: Annotation, size: tuple[int, int], found: FrameFound
) -> str | None:
    """Both sizes, where ingest rejects the image for its <size>."""
    boxes = (box_of(raw.box, found.frame) for raw in annotation.objects)
    given = tuple(box for box in boxes if box is not None)
    return conflict_of(annotation, size, found.size, given)


def _object(row: int, raw: RawObject, box: Box) -> _Object:
    return _Object(row, raw.name, box, flag(raw.difficult))


def _frame(
    item: Item, annotation: Annotation, config: IngestConfig
) -> tuple[tuple[int, int], FrameFound]:
    """Size of the stored picture, and the frame of the boxes.

    Of the image the header alone is read. Without an image <size> is believed.
    """
    shape = read_shape(item.image, config.max_file_bytes) if item.image else None
    declared: Size | None = declared_size(annotation)
    if shape is not None:
        size, orientation = shape
    elif declared is not None:
        size, orientation = (round(declared[0]), round(declared[1])), 1
    else:
        size, orientation = (_UNBOUNDED, _UNBOUNDED), 1
    frame = find_frame(
        size,
        orientation,
        declared,
        config.exif_boxes,
        reach=reach_of(annotation.objects),
        convention=config.convention,
    )
    return size, frame


def _as_ground_truth(
    where: str,
    ids: Sequence[str],
    objects: Sequence[_Object],
    label_map: LabelMap | None,
) -> AnnotatedImages:
    if label_map is None:
        label_map = LabelMap.from_names(found.name for found in objects)
    return AnnotatedImages(
        where=where,
        image_ids=ids,
        class_names=label_map.names,
        ground_truths=GroundTruths(
            np.array([found.image for found in objects]),
            np.array([label_map.id_of(found.name) for found in objects]),
            to_xywh([found.box for found in objects]),
            difficult=np.array([found.difficult for found in objects]),
        ),
        image_index=_image_index(ids),
        category_index={number + 1: number for number in range(len(label_map))},
        half_open=True,
    )


def _image_index(ids: Sequence[str]) -> dict[str | int, int]:
    """Names, and the numbers of names that are numbers, unless two are the same."""
    index: dict[str | int, int] = {name: row for row, name in enumerate(ids)}
    numbers = {
        row: int(name)
        for row, name in enumerate(ids)
        if name.isascii() and name.isdigit()
    }
    times = Counter(numbers.values())
    return index | {n: row for row, n in numbers.items() if times[n] == 1}


def _counts(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
