"""A COCO annotation file whose records are as they should be, read at once.

What nothing here needs, such as the outlines of objects, is passed over unread.
"""

import dataclasses
import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.boxes import area_px2
from trainer.metrics.box_columns import GroundTruths
from trainer.metrics.id_index import UNKNOWN, IdIndex
from trainer.metrics.typed_results import Box, columns_of


class _Image(msgspec.Struct, gc=False):
    id: int


class _Category(msgspec.Struct, gc=False):
    id: int
    name: str


class _Annotation(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: Box
    area: float = math.nan  # which JSON has not: there is none
    iscrowd: int | bool = 0
    difficult: int | bool = 0


class _File(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


_DECODER = msgspec.json.Decoder(_File)


@dataclasses.dataclass(frozen=True, eq=False)
class TypedAnnotations:
    """Ground truths, and ids -> indices in the order of the file."""

    ground_truths: GroundTruths
    class_names: list[str]
    image_index: dict[int, int]
    category_index: dict[int, int]


def typed_annotations(text: bytes) -> TypedAnnotations | None:
    """The columns of a file of sound records; None where anything is odd.

    `JsonRecords` takes more kinds of ids, and says what is wrong with which record.
    """
    try:
        file = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    rows = file.annotations
    names = [category.name for category in file.categories]
    images = {image.id: index for index, image in enumerate(file.images)}
    categories = {one.id: index for index, one in enumerate(file.categories)}
    once = (len(images), len(categories)) == (len(file.images), len(names))
    if not (rows and once and len(set(names)) == len(names)):
        return None
    image = _indices(images, [row.image_id for row in rows])
    class_id = _indices(categories, [row.category_id for row in rows])
    boxes = columns_of([row.bbox for row in rows])
    if image is None or class_id is None or boxes is None:
        return None
    try:
        area = np.array([row.area for row in rows], np.float64)
        crowd = np.array([row.iscrowd for row in rows], np.int64) != 0
        difficult = np.array([row.difficult for row in rows], np.int64) != 0
    except OverflowError:
        return None
    area = np.where(np.isnan(area), area_px2(boxes), area)
    if not np.isfinite(area).all():
        return None
    truths = GroundTruths(image, class_id, boxes, area, crowd, difficult)
    return TypedAnnotations(truths, names, images, categories)


def _indices(index: dict[int, int], ids: list[Any]) -> NDArray[np.int64] | None:
    try:
        found = IdIndex(index).of(np.fromiter(ids, np.int64, len(ids)))
    except OverflowError:  # beyond int64
        return None
    return None if (found == UNKNOWN).any() else found
