"""Areas, centres and IoU of boxes as tensors of whichever backend Keras runs on."""

from typing import Any

from keras import ops

Tensor = Any
EPSILON_PX2 = 1e-7


def centers_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes [..., 4] xyxy -> centers (x, y) [..., 2] and (width, height) [..., 2]."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low


def clip(boxes: Tensor, image_size: tuple[Tensor, Tensor]) -> Tensor:
    """Boxes [..., 4] xyxy px cut to an image of `image_size` (height, width)."""
    height, width = (ops.cast(side, "float32") for side in image_size)
    limits = ops.stack([width, height, width, height])
    return ops.clip(boxes, 0.0, limits)


def area_px2(boxes: Tensor) -> Tensor:
    """Areas of boxes [..., 4] xyxy px -> [...]; 0 for inverted boxes."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]


def iou_matrix(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Pairwise IoU: [..., N, 4] and [..., M, 4] -> [..., N, M]; 0 for empty unions."""
    a, b = boxes_a[..., :, None, :], boxes_b[..., None, :, :]
    width = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    height = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    intersection = ops.maximum(width, 0.0) * ops.maximum(height, 0.0)
    union = area_px2(a) + area_px2(b) - intersection
    return intersection / ops.maximum(union, EPSILON_PX2)


def paired_iou(boxes_a: Tensor, boxes_b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and union (px2) of boxes of the same place, both [..., 4]."""
    low = ops.maximum(boxes_a[..., :2], boxes_b[..., :2])
    high = ops.minimum(boxes_a[..., 2:], boxes_b[..., 2:])
    intersection = area_px2(ops.concatenate([low, high], axis=-1))
    union = area_px2(boxes_a) + area_px2(boxes_b) - intersection
    return intersection / ops.maximum(union, EPSILON_PX2), union
