"""IoU and its relatives on tensors."""

from typing import Any

from keras import ops

Tensor = Any
EPSILON_PX2 = 1e-7


def area(boxes: Tensor) -> Tensor:
    """Areas of boxes [..., 4] xyxy px -> [...] px2; 0 for inverted boxes."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]


def iou_matrix(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Pairwise IoU: [..., N, 4] and [..., M, 4] -> [..., N, M]; 0 for empty unions."""
    a, b = boxes_a[..., :, None, :], boxes_b[..., None, :, :]
    width = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    height = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    intersection = ops.maximum(width, 0.0) * ops.maximum(height, 0.0)
    union = area(a) + area(b) - intersection
    return intersection / ops.maximum(union, EPSILON_PX2)


def paired_iou(boxes_a: Tensor, boxes_b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and union (px2) of boxes of the same place, both [..., 4]."""
    low = ops.maximum(boxes_a[..., :2], boxes_b[..., :2])
    high = ops.minimum(boxes_a[..., 2:], boxes_b[..., 2:])
    intersection = area(ops.concatenate([low, high], axis=-1))
    union = area(boxes_a) + area(boxes_b) - intersection
    return intersection / ops.maximum(union, EPSILON_PX2), union
