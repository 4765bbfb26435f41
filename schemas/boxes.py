"""Boxes as NumPy arrays: the in-memory format, the other formats, areas and IoU.

In memory a box is xyxy: xmin, ymin, xmax, ymax in absolute pixels, float32,
0-based and half-open, so width is xmax - xmin. VOC's 1-based inclusive pixels become
this by subtracting 1 from xmin and ymin only.

Metrics take xywh (left, top, width, height) in float64: pycocotools computes IoU as
min(x + w, ...) - max(x, ...), and a box that went through xyxy and back differs in the
last bit, which decides matches at IoU = threshold.

`tensor_boxes` does the same on tensors, `single_box` on one box.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]
_Sides = tuple[npt.NDArray[np.float64], ...]

_TO_XYWH: dict[str, Callable[..., _Sides]] = {
    "xyxy": lambda left, top, right, bottom: (left, top, right - left, bottom - top),
    "yxyx": lambda top, left, bottom, right: (left, top, right - left, bottom - top),
    "xywh": lambda left, top, width, height: (left, top, width, height),
    "center_xywh": lambda x, y, w, h: (x - w / 2, y - h / 2, w, h),
    "center_yxhw": lambda y, x, h, w: (x - w / 2, y - h / 2, w, h),
}

_Y_FIRST = ("yxyx", "center_yxhw")

# The bounding box formats of Keras.
FORMATS = (*_TO_XYWH, *(f"rel_{name}" for name in _TO_XYWH))


def as_boxes(values: npt.ArrayLike) -> Boxes:
    """Any [G, 4] array-like -> float32 [G, 4]; an empty one becomes [0, 4]."""
    boxes = np.asarray(values, dtype=np.float32)
    if boxes.size == 0:
        return np.zeros((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be [G, 4], got shape {boxes.shape}")
    return boxes


def xyxy_to_rel_xyxy(boxes: npt.ArrayLike, height: int, width: int) -> Boxes:
    """Xyxy pixels -> xyxy divided by the image size, 0..1 inside the image."""
    scale = np.array([width, height, width, height], np.float64)
    return (as_boxes(boxes) / scale).astype(np.float32)


def rel_xyxy_to_xyxy(boxes: npt.ArrayLike, height: int, width: int) -> Boxes:
    """Relative xyxy -> xyxy pixels of an image of that size."""
    scale = np.array([width, height, width, height], np.float64)
    return (as_boxes(boxes) * scale).astype(np.float32)


def check_format(box_format: str, image_shape: tuple[int, int] | None) -> None:
    """Refuses an unknown format, and a relative one without an image shape."""
    if box_format not in FORMATS:
        raise ValueError(
            f"no bounding_box_format {box_format!r}; there are: {', '.join(FORMATS)}"
        )
    if box_format.startswith("rel_") and image_shape is None:
        raise ValueError(f"{box_format} needs image_shape=(height, width)")


def to_xywh(
    boxes: npt.ArrayLike,
    box_format: str = "xyxy",
    image_shape: tuple[int, int] | None = None,
) -> npt.NDArray[np.float64]:
    """Boxes [N, 4] in one of FORMATS -> [N, 4] left, top, width, height in pixels."""
    check_format(box_format, image_shape)
    columns: npt.NDArray[np.float64] = np.asarray(boxes, np.float64).reshape(-1, 4).T
    base = box_format.removeprefix("rel_")
    if image_shape is not None and base != box_format:
        height, width = image_shape
        scale = [height, width] if base in _Y_FIRST else [width, height]
        columns = columns * np.array(scale * 2, np.float64)[:, None]
    return np.stack(_TO_XYWH[base](*columns), axis=1)


def area_px2(boxes_xywh: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Areas [N] of xywh boxes [N, 4]."""
    return boxes_xywh[:, 2] * boxes_xywh[:, 3]


class PairIou:
    """IoU of pairs of rows, with the operations of pycocotools' bbIou in its order.

    Args:
        first_xywh: [N, 4].
        second_xywh: [M, 4].
        over_first: [M] bool, divide by the area of the first box instead of the union,
            as COCO does for crowds.
    """

    def __init__(
        self,
        first_xywh: npt.NDArray[np.float64],
        second_xywh: npt.NDArray[np.float64],
        over_first: npt.NDArray[np.bool_],
    ) -> None:
        self._first = _edges_and_area(first_xywh)
        self._second = _edges_and_area(second_xywh)
        self._over_first = over_first

    def reaching(
        self, limit: float, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The pairs of rows (a, b) whose IoU is at least `limit` > 0, and that IoU."""
        a_left, a_top, a_right, a_bottom, a_area = self._first
        b_left, b_top, b_right, b_bottom, b_area = self._second
        width = np.minimum(a_right[a], b_right[b]) - np.maximum(a_left[a], b_left[b])
        overlap = np.flatnonzero(width > 0)
        a, b, width = a[overlap], b[overlap], width[overlap]
        height = np.minimum(a_bottom[a], b_bottom[b]) - np.maximum(a_top[a], b_top[b])
        overlap = np.flatnonzero(height > 0)
        a, b = a[overlap], b[overlap]
        intersection = width[overlap] * height[overlap]
        union = np.where(
            self._over_first[b], a_area[a], a_area[a] + b_area[b] - intersection
        )
        iou = intersection / union
        enough = np.flatnonzero(iou >= limit)
        return a[enough], b[enough], iou[enough]


def _edges_and_area(boxes_xywh: npt.NDArray[np.float64]) -> _Sides:
    left, top, width, height = np.ascontiguousarray(boxes_xywh.T)
    return left, top, width + left, height + top, width * height
