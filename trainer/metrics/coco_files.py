"""COCO annotation files and results files -> columns, or one line on what is wrong."""

import dataclasses
import gc
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.boxes import area_px2
from schemas.user_error import UserError
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.id_index import UNKNOWN, IdIndex
from trainer.metrics.json_records import JsonRecords
from trainer.metrics.typed_annotations import typed_annotations
from trainer.metrics.typed_results import TypedResults, typed_results

# Results are parsed in pieces of twice this size, so that their objects stay near the
# processor: half a million of them at once would take ten times the memory of columns.
PIECE_BYTES = 1 << 17
_NEAR_END = 1 << 13  # where the last end of a record is looked for first

_BETWEEN_RECORDS = re.compile(rb"\}\s*,(?=\s*\{)")


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotatedImages:
    """Ground truths, and how results refer to their images and classes.

    Attributes:
        where: the file or directory, for messages.
        image_ids: sortable; equal scores rank by them.
        class_names: by class id.
        ground_truths: `image` indexes image_ids, `class_id` class_names.
        image_index: a result's image_id -> index into image_ids.
        category_index: a result's category_id -> class id.
        half_open: width and height are known to count pixels, so that the VOC
            protocols must not add one more.
    """

    where: str
    image_ids: Sequence[Any]
    class_names: Sequence[str]
    ground_truths: GroundTruths
    image_index: Mapping[Any, int]
    category_index: Mapping[Any, int]
    half_open: bool


def read_annotations(path: Path) -> AnnotatedImages:
    """A COCO annotation file: {"images": [...], "annotations": ..., "categories": ...}.

    An annotation may have a `difficult` flag, which COCO's own files have not.
    """
    with _opened(path) as file:
        raw = file.read()
    if typed := typed_annotations(raw):
        return AnnotatedImages(
            where=str(path),
            image_ids=list(typed.image_index),
            half_open=False,
            **vars(typed),
        )
    data = _parsed(path, raw)
    sections = ("images", "annotations", "categories")
    if not isinstance(data, dict):
        raise UserError(
            f"{path} is no COCO annotation file: it holds {_kind(data)}, not an object "
            f"with {', '.join(sections)}"
        )
    for section in sections:
        if not (isinstance(data.get(section), list) and data[section]):
            raise UserError(f"{path} needs a list {section!r} that is not empty")
    images = JsonRecords(data["images"], f"{path}: images")
    categories = JsonRecords(data["categories"], f"{path}: categories")
    records = JsonRecords(data["annotations"], f"{path}: annotations")
    image_index, category_index = images.unique("id"), categories.unique("id")
    if len(set(map(type, image_index))) > 1:
        raise UserError(f"{path}: image ids must be all numbers or all texts")
    boxes = records.boxes()
    return AnnotatedImages(
        where=str(path),
        image_ids=list(image_index),
        class_names=list(categories.unique("name", {str})),
        ground_truths=GroundTruths(
            records.indices("image_id", image_index, "images"),
            records.indices("category_id", category_index, "categories"),
            boxes,
            records.numbers("area", area_px2(boxes)),
            records.flags("iscrowd"),
            records.flags("difficult"),
        ),
        image_index=image_index,
        category_index=category_index,
        half_open=False,
    )


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """How many results were left out for what the ground truth lacks."""

    categories: int = 0
    images: int = 0


def read_results(
    path: Path,
    annotated: AnnotatedImages,
    *,
    ignore_categories: bool = False,
    ignore_images: bool = False,
) -> tuple[Detections, LeftOut]:
    """A COCO results file: a list of {image_id, category_id, bbox, score}.

    With `ignore_categories` results of categories that the ground truth lacks are left
    out, as pycocotools does, with `ignore_images` those of images; their numbers come
    back beside the rest, one that lacks both as an image's.
    """
    indices = IdIndex(annotated.image_index), IdIndex(annotated.category_index)
    ignore = ignore_images, ignore_categories
    categories: Mapping[Any, int] = annotated.category_index
    if ignore_categories:
        categories = _OrUnknown(categories)
    images: Mapping[Any, int] = annotated.image_index
    if ignore_images:
        images = _OrUnknown(images)
    where = f"{annotated.where} (--ignore-unknown-images leaves it out)"
    columns = []
    count = 0
    for part in _lists(path):
        found = None
        if isinstance(part, TypedResults):
            found = _columns_of_known(part, indices, ignore)
        if found is None:
            rows = part.rows() if isinstance(part, TypedResults) else part
            records = JsonRecords(rows, f"{path}: detections", first=count)
            found = (
                records.indices("image_id", images, where),
                records.indices("category_id", categories, annotated.where),
                records.boxes(),
                records.numbers("score"),
            )
        columns.append(found)
        count += len(part)
    whole = list(map(np.concatenate, zip(*columns, strict=True)))
    seen, known = whole[0] != UNKNOWN, whole[1] != UNKNOWN
    if not (seen & known).all():
        whole = [column[seen & known] for column in whole]
    return Detections(*whole), LeftOut(int((seen & ~known).sum()), int((~seen).sum()))


def _columns_of_known(
    results: TypedResults, indices: tuple[IdIndex, IdIndex], ignore: tuple[bool, bool]
) -> tuple[NDArray[Any], ...] | None:
    """Image and class indices, boxes, scores.

    None where an image's id, or a class's, is unknown and is not to be ignored.
    """
    ids = results.image_ids, results.category_ids
    found = [index.of(column) for index, column in zip(indices, ids, strict=True)]
    for column, may_be_unknown in zip(found, ignore, strict=True):
        if not may_be_unknown and (column == UNKNOWN).any():
            return None
    return (*found, results.boxes_xywh, results.score)


class _OrUnknown(dict[Any, int]):
    """An index in which what is not there is `UNKNOWN`."""

    def __missing__(self, key: Any) -> int:
        return UNKNOWN


def _lists(path: Path) -> Iterator[TypedResults | list[Any]]:
    """The records of a results file, in order, as at least one list.

    A cut after `}` and before `, {` is right between two records. Where records hold
    objects or texts of their own it may fall inside one; then that piece is no JSON,
    and the file is parsed as a whole.
    """
    count = 0
    try:
        for piece in _pieces(path):
            results = typed_results(piece)
            part = _loads(bytes(piece)) if results is None else results
            yield part
            count += len(part)
    except (ValueError, RecursionError):
        data = _parse(path)
        if not isinstance(data, list):
            raise UserError(
                f"{path} is no COCO results file: it holds {_kind(data)}, not a list "
                "of detections"
            ) from None
        yield data[count:]


def _pieces(path: Path) -> Iterator[memoryview]:
    """Cuts a file that holds a list into texts that hold lists.

    One buffer holds each in its turn: a piece is good until the next is asked for. The
    comma between two pieces becomes the end of the one, then the start of the other.
    """
    buffer = bytearray(2 * PIECE_BYTES)
    with _opened(path) as file, memoryview(buffer) as view:
        end = _fill(file, view, 0)
        start = len(buffer) - len(buffer.lstrip(b"\xef\xbb\xbf \t\r\n"))
        if buffer[start : start + 1] != b"[":
            raise ValueError("the file holds no list")
        while end == len(buffer):
            near_end = max(start, end - _NEAR_END)
            cut = _BETWEEN_RECORDS.search(buffer, near_end, end)
            cut = cut or _BETWEEN_RECORDS.search(buffer, start + 1, end)
            if cut is None:
                raise ValueError("no end of a record in sight")
            comma = cut.end() - 1
            view[comma] = ord("]")
            yield view[start : comma + 1]
            view[comma] = ord("[")
            view[: end - comma] = view[comma:end]
            start, end = 0, _fill(file, view, end - comma)
        yield view[start:end]


def _fill(file: BufferedReader, view: memoryview, end: int) -> int:
    """Reads behind what is there; the new end, of the buffer but at the file's end."""
    while end < len(view) and (count := file.readinto(view[end:])):
        end += count
    return end


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _parse(path: Path) -> Any:
    with _opened(path) as file:
        return _parsed(path, file.read())


def _parsed(path: Path, raw: bytes) -> Any:
    try:
        return _loads(raw)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}") from error


def _loads(raw: bytes) -> Any:
    """Parses while the garbage collector rests.

    It would walk through all the objects made so far again and again, a third of the
    time, and what JSON makes has no cycles. orjson takes a third of the time of the
    standard library, which reads what orjson refuses: NaN and infinity, so that the
    record that holds them can be named, and other encodings than UTF-8.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)
    finally:
        if was_enabled:
            gc.enable()


def _kind(data: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(data), "a number")
