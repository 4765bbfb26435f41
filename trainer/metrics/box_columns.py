"""Ground truths and detections of many images as columns, one row per box.

Boxes are xywh in float64 here, unlike everywhere else in the program: `schemas.boxes`
says why.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from schemas.boxes import area_px2
from trainer.metrics.protocol import DIFFICULT_MODES, DifficultMode


@dataclasses.dataclass(frozen=True, eq=False)
class GroundTruths:
    """Annotated boxes; columns of other types are converted.

    Attributes:
        image: [G] int64, index into the caller's list of image ids.
        class_id: [G] int64, 0..K-1.
        boxes_xywh: [G, 4] float64, pixels.
        area_px2: [G] float64, what the area ranges look at. COCO's annotations bring
            an area of their own (of the mask); w * h if left out.
        crowd: [G] bool, COCO's iscrowd: matched by intersection over detection area,
            by any number of detections, none of which count. All false if left out.
        difficult: [G] bool, VOC's flag. All false if left out.
    """

    image: NDArray[Any]
    class_id: NDArray[Any]
    boxes_xywh: NDArray[Any]
    area_px2: NDArray[Any] = None  # type: ignore[assignment]
    crowd: NDArray[Any] = None  # type: ignore[assignment]
    difficult: NDArray[Any] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes_xywh)
        _set(self, "boxes_xywh", boxes)
        if self.area_px2 is None:
            _set(self, "area_px2", area_px2(boxes))
        for name in ("crowd", "difficult"):
            if getattr(self, name) is None:
                _set(self, name, np.zeros(len(boxes), bool))
        _set_columns(
            self,
            len(boxes),
            image=np.int64,
            class_id=np.int64,
            area_px2=np.float64,
            crowd=np.bool_,
            difficult=np.bool_,
        )
        _require_finite("areas", self.area_px2)

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: NDArray[Any] | slice) -> Self:
        """The given rows (indices, a mask or a slice), in that order."""
        return _take(self, rows)


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """Scored boxes; rows of one image with equal scores count in the order given.

    Attributes:
        image: [D] int64, index into the caller's list of image ids.
        class_id: [D] int64, 0..K-1.
        boxes_xywh: [D, 4] float64, pixels.
        score: [D] float32 or float64, never rounded.
    """

    image: NDArray[Any]
    class_id: NDArray[Any]
    boxes_xywh: NDArray[Any]
    score: NDArray[Any]

    def __post_init__(self) -> None:
        _set(self, "boxes_xywh", _boxes(self.boxes_xywh))
        kind = np.float32 if np.asarray(self.score).dtype == np.float32 else np.float64
        _set_columns(
            self,
            len(self.boxes_xywh),
            image=np.int64,
            class_id=np.int64,
            score=kind,
        )
        _require_finite("scores", self.score)

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, in their order."""
        if len(parts) == 1:
            return parts[0]
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))

    def take(self, rows: NDArray[Any] | slice) -> Self:
        """The given rows (indices, a mask or a slice), in that order."""
        return _take(self, rows)


def crowd_and_ignored(
    ground_truths: GroundTruths, difficult: DifficultMode
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """How `difficult` boxes count: [G] matched as a crowd, [G] left out of the score.

    `plain` counts them like any other box; `crowd` treats them as COCO's crowds;
    `ignore` matches each once, by IoU, and counts neither it nor its match. Stock
    pycocotools cannot do the last: it overwrites `ignore` with `iscrowd`.
    """
    if difficult not in DIFFICULT_MODES:
        known = ", ".join(DIFFICULT_MODES)
        raise ValueError(f"difficult must be one of {known}, got {difficult!r}")
    crowd = ground_truths.crowd
    if difficult == "crowd":
        crowd = crowd | ground_truths.difficult
    ignored = crowd | ground_truths.difficult if difficult == "ignore" else crowd
    return crowd, ignored


def _boxes(values: ArrayLike) -> NDArray[np.float64]:
    boxes = np.asarray(values, np.float64)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be [N, 4], got {list(boxes.shape)}")
    _require_finite("boxes", boxes)
    return boxes


def _require_finite(what: str, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite: NaN or infinity found")


def _set(columns: object, name: str, value: NDArray[Any]) -> None:
    object.__setattr__(columns, name, value)


def _set_columns(columns: object, length: int, **dtypes: type[np.generic]) -> None:
    for name, dtype in dtypes.items():
        value = np.asarray(getattr(columns, name), dtype)
        if value.shape != (length,):
            raise ValueError(
                f"{name} must have one value for each of {length} boxes, "
                f"got shape {list(value.shape)}"
            )
        _set(columns, name, value)


def _take(columns: Any, rows: NDArray[Any] | slice) -> Any:
    return type(columns)(
        **{f.name: getattr(columns, f.name)[rows] for f in dataclasses.fields(columns)}
    )
