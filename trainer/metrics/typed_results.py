"""Results whose records are as they should be, read at once into columns."""

import dataclasses
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # xywh px


# Unknown to the garbage collector, which would walk through all of them repeatedly.
class _Numbered(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: Box
    score: float


class _Named(msgspec.Struct, gc=False):
    image_id: int | str
    category_id: int | str
    bbox: Box
    score: float


_NUMBERED = msgspec.json.Decoder(list[_Numbered])
_NAMED = msgspec.json.Decoder(list[_Named])


@dataclasses.dataclass(frozen=True, eq=False)
class TypedResults:
    """Columns of sound records: boxes_xywh [D, 4], score [D].

    Ids as given; [D] int64 where all of them are numbers.
    """

    image_ids: list[Any] | NDArray[np.int64]
    category_ids: list[Any] | NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.score)

    def rows(self) -> list[dict[str, Any]]:
        """The records again, for a message about one of them."""
        columns = zip(
            np.asarray(self.image_ids, object).tolist(),
            np.asarray(self.category_ids, object).tolist(),
            self.boxes_xywh.tolist(),
            self.score.tolist(),
            strict=True,
        )
        names = ("image_id", "category_id", "bbox", "score")
        return [dict(zip(names, row, strict=True)) for row in columns]


def typed_results(text: bytes | memoryview) -> TypedResults | None:
    """The columns of a JSON list of results; None where a record is not sound.

    A third of the time of `JsonRecords`, which finds the record and says what it lacks.
    """
    rows: list[Any]
    try:
        rows, are_numbers = _NUMBERED.decode(text), True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            rows, are_numbers = _NAMED.decode(text), False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    count = len(rows)
    boxes_xywh = columns_of([row.bbox for row in rows])
    score = np.fromiter([row.score for row in rows], np.float64, count)
    if boxes_xywh is None or not np.isfinite(score).all():
        return None
    image_ids = [row.image_id for row in rows]
    category_ids = [row.category_id for row in rows]
    if not are_numbers:
        return TypedResults(image_ids, category_ids, boxes_xywh, score)
    try:
        images = np.fromiter(image_ids, np.int64, count)
        categories = np.fromiter(category_ids, np.int64, count)
    except OverflowError:  # beyond int64
        return TypedResults(image_ids, category_ids, boxes_xywh, score)
    return TypedResults(images, categories, boxes_xywh, score)


def columns_of(boxes: list[Box]) -> NDArray[np.float64] | None:
    """Boxes [N, 4] xywh; None where one is not finite, or has a negative side."""
    sides = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes))
    columns = sides.reshape(-1, 4)
    sound = np.isfinite(sides).all() and (columns[:, 2:] >= 0).all()
    return columns if sound else None
