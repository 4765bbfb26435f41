"""Boxes relative to anchors, and back."""

from typing import Any

import numpy as np
from keras import ops

from schemas.tensor_boxes import centers_and_sizes

Tensor = Any
# exp() of more than this is a box 1000/16 times its anchor (Fast R-CNN code)
MAX_LOG_SCALE = float(np.log(1000.0 / 16.0))
SMALLEST_SIDE_PX = 1e-3  # keeps log() finite for padding and empty boxes


def encode_boxes(
    boxes: Tensor, anchors: Tensor, variance: tuple[float, float, float, float]
) -> Tensor:
    """Box deltas (dx, dy, dw, dh) / variance; boxes, anchors [..., 4] xyxy px.

    dx, dy: centre offsets in anchor sizes; dw, dh: logs of the size ratios
    (Girshick et al. 2014, appendix C).
    """
    anchor_centers, anchor_sizes = centers_and_sizes(anchors)
    centers, sizes = centers_and_sizes(boxes)
    offsets = (centers - anchor_centers) / anchor_sizes
    scales = ops.log(ops.maximum(sizes, SMALLEST_SIDE_PX) / anchor_sizes)
    deltas = ops.concatenate([offsets, scales], axis=-1)
    return deltas / ops.convert_to_tensor(variance, dtype="float32")


def decode_boxes(
    deltas: Tensor, anchors: Tensor, variance: tuple[float, float, float, float]
) -> Tensor:
    """The inverse of `encode_boxes`: deltas [..., 4] -> boxes [..., 4] xyxy px."""
    deltas = deltas * ops.convert_to_tensor(variance, dtype="float32")
    anchor_centers, anchor_sizes = centers_and_sizes(anchors)
    centers = deltas[..., :2] * anchor_sizes + anchor_centers
    scales = ops.minimum(deltas[..., 2:], MAX_LOG_SCALE)
    half_sizes = ops.exp(scales) * anchor_sizes / 2
    return ops.concatenate([centers - half_sizes, centers + half_sizes], axis=-1)
