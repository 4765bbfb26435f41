"""Results whose records are as they should be, read at once into columns."""

import dataclasses
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class _Result(msgspec.Struct, gc=False):
    image_id: int | str
    category_id: int | str
    bbox: tuple[float, float, float, float]
    score: float


_DECODER = msgspec.json.Decoder(list[_Result])


@dataclasses.dataclass(frozen=True, eq=False)
class TypedResults:
    """Columns of sound records: boxes_xywh [D, 4], score [D], ids as given."""

    image_ids: list[Any]
    category_ids: list[Any]
    boxes_xywh: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.score)

    def rows(self) -> list[dict[str, Any]]:
        """The records again, for a message about one of them."""
        columns = zip(
            self.image_ids,
            self.category_ids,
            self.boxes_xywh.tolist(),
            self.score.tolist(),
            strict=True,
        )
        names = ("image_id", "category_id", "bbox", "score")
        return [dict(zip(names, row, strict=True)) for row in columns]


def typed_results(text: bytes) -> TypedResults | None:
    """The columns of a JSON list of results; None where a record is not sound.

    A third of the time of `JsonRecords`, which finds the record and says what it lacks.
    """
    try:
        rows = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    corners = chain.from_iterable([row.bbox for row in rows])
    boxes = np.fromiter(corners, np.float64, 4 * len(rows)).reshape(-1, 4)
    score = np.fromiter([row.score for row in rows], np.float64, len(rows))
    if not (np.isfinite(boxes).all() and np.isfinite(score).all()):
        return None
    if (boxes[:, 2:] < 0).any():
        return None
    return TypedResults(
        [row.image_id for row in rows], [row.category_id for row in rows], boxes, score
    )
