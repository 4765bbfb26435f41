"""The in-memory box format and the only converters to other formats.

In memory a box is xyxy: xmin, ymin, xmax, ymax in absolute pixels, float32,
0-based and half-open, so width is xmax - xmin. VOC's 1-based inclusive pixels become
this by subtracting 1 from xmin and ymin only.
"""

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]


def as_boxes(values: npt.ArrayLike) -> Boxes:
    """Any [G, 4] array-like -> float32 [G, 4]; an empty one becomes [0, 4]."""
    boxes = np.asarray(values, dtype=np.float32)
    if boxes.size == 0:
        return np.zeros((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be [G, 4], got shape {boxes.shape}")
    return boxes


def xyxy_to_xywh(boxes: npt.ArrayLike) -> Boxes:
    """Xyxy -> left, top, width, height (COCO)."""
    xyxy = as_boxes(boxes)
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)


def xywh_to_xyxy(boxes: npt.ArrayLike) -> Boxes:
    """Left, top, width, height (COCO) -> xyxy."""
    xywh = as_boxes(boxes)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def xyxy_to_yxyx(boxes: npt.ArrayLike) -> Boxes:
    """Xyxy -> ymin, xmin, ymax, xmax (TensorFlow's drawing and NMS ops)."""
    return as_boxes(boxes)[:, [1, 0, 3, 2]]


def yxyx_to_xyxy(boxes: npt.ArrayLike) -> Boxes:
    """Ymin, xmin, ymax, xmax -> xyxy; its own inverse."""
    return as_boxes(boxes)[:, [1, 0, 3, 2]]


def xyxy_to_center_xywh(boxes: npt.ArrayLike) -> Boxes:
    """Xyxy -> center x, center y, width, height (box regression)."""
    xyxy = as_boxes(boxes)
    size = xyxy[:, 2:] - xyxy[:, :2]
    return np.concatenate([xyxy[:, :2] + size / 2, size], axis=1)


def center_xywh_to_xyxy(boxes: npt.ArrayLike) -> Boxes:
    """Center x, center y, width, height -> xyxy."""
    center = as_boxes(boxes)
    half = center[:, 2:] / 2
    return np.concatenate([center[:, :2] - half, center[:, :2] + half], axis=1)


def xyxy_to_rel_xyxy(boxes: npt.ArrayLike, height: int, width: int) -> Boxes:
    """Xyxy pixels -> xyxy divided by the image size, 0..1 inside the image."""
    scale = np.array([width, height, width, height], np.float64)
    return (as_boxes(boxes) / scale).astype(np.float32)


def rel_xyxy_to_xyxy(boxes: npt.ArrayLike, height: int, width: int) -> Boxes:
    """Relative xyxy -> xyxy pixels of an image of that size."""
    scale = np.array([width, height, width, height], np.float64)
    return (as_boxes(boxes) * scale).astype(np.float32)


def area_px2(boxes: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Areas [G] of xyxy boxes; 0 where a side is negative."""
    xyxy = as_boxes(boxes)
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def clip(boxes: npt.ArrayLike, height: int, width: int) -> Boxes:
    """Xyxy boxes cut to the image; a box wholly outside becomes an empty one."""
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(as_boxes(boxes), np.float32(0), limit)


def iou_matrix(
    boxes_a: npt.ArrayLike, boxes_b: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Pairwise IoU of xyxy [A, 4] and [B, 4] -> [A, B]; 0 where the union is empty."""
    first, second = as_boxes(boxes_a), as_boxes(boxes_b)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    overlap = sides[..., 0] * sides[..., 1]
    union = area_px2(first)[:, None] + area_px2(second)[None, :] - overlap
    return np.where(union > 0, overlap / np.where(union > 0, union, 1), np.float32(0))
