"""Greedy non-maximum suppression with static shapes."""

from typing import Any

from keras import ops

from schemas.tensor_boxes import iou_matrix

Tensor = Any


def keep_mask(
    boxes: Tensor, classes: Tensor, valid: Tensor, iou_from: float, per_class: bool
) -> Tensor:
    """Which boxes greedy NMS keeps [B, N] bool; boxes come best score first.

    boxes [B, N, 4] xyxy px, classes [B, N], valid [B, N] bool. A box goes when a kept
    one before it (of its class, if `per_class`) overlaps it by more than `iou_from`.

    All boxes are judged at once, again and again until nothing changes. The first
    box is right from the start and after n rounds at least the first n are, so
    the fixed point is the greedy answer; in practice it takes under ten rounds.
    """
    count = boxes.shape[1]
    suppresses = iou_matrix(boxes, boxes) > iou_from
    before = ops.arange(count)[:, None] < ops.arange(count)[None, :]
    suppresses = ops.logical_and(suppresses, before[None])
    if per_class:
        same_class = classes[:, :, None] == classes[:, None, :]
        suppresses = ops.logical_and(suppresses, same_class)
    suppresses = ops.cast(suppresses, "float32")

    def judge(keep: Tensor) -> Tensor:
        kept = ops.cast(keep, "float32")[:, None, :]
        suppressed = ops.matmul(kept, suppresses)[:, 0, :] > 0
        return ops.logical_and(valid, ops.logical_not(suppressed))

    def changed(previous: Tensor, current: Tensor) -> Tensor:
        return ops.any(previous != current)

    _, keep = ops.while_loop(
        changed,
        lambda _, current: (current, judge(current)),
        (valid, judge(valid)),
        maximum_iterations=count,
    )
    return keep
