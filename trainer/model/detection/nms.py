"""Greedy non-maximum suppression with static shapes."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

from keras import ops

from schemas.tensor_boxes import iou_matrix

Tensor = Any
# More than these, and than a third of the boxes, slow the kernel down: of 300 boxes
# of 1,203 classes 11 ms of CPU, where `keep_mask` takes 1.1.
_FEW_CLASSES = 80
_OF_TENSORFLOW = contextvars.ContextVar("_OF_TENSORFLOW", default=False)


@contextlib.contextmanager
def kernel_of_tensorflow() -> Iterator[None]:
    """Inside, TensorFlow's own kernel does the work, which keeps the same boxes.

    It compares the boxes that it keeps with others, not all pairs: .06 ms of CPU for
    300 boxes, where `keep_mask` takes .7. Other runtimes lack it. It goes through all
    classes, one after the other, so that many are left to `keep_mask`.
    """
    token = _OF_TENSORFLOW.set(True)
    try:
        yield
    finally:
        _OF_TENSORFLOW.reset(token)


def best_kept(
    boxes: Tensor,
    classes: Tensor,
    valid: Tensor,
    wanted: int,
    iou_from: float,
    per_class: int | None,
) -> tuple[Tensor, Tensor]:
    """The first `wanted` boxes that greedy NMS keeps, and whether there are so many.

    Arguments as of `keep_mask`, but `per_class`: the number of classes, or None where
    they put each other out. Returns places among the boxes [B, wanted] int32, and
    [B, wanted] bool, False where no box is left: what stands there is of no meaning.
    """
    few_classes = max(_FEW_CLASSES, boxes.shape[1] // 3)
    if _OF_TENSORFLOW.get() and (per_class or 1) <= few_classes:
        ranks = _ranks_kept_by_tensorflow(
            boxes, classes, valid, wanted, iou_from, per_class
        )
    else:
        keep = keep_mask(boxes, classes, valid, iou_from, per_class is not None)
        ranks, _ = ops.top_k(ops.where(keep, _ranks(boxes), 0.0), wanted)
    order = ops.cast(boxes.shape[1] - ranks, "int32")
    return ops.minimum(order, boxes.shape[1] - 1), ranks > 0


def _ranks(boxes: Tensor) -> Tensor:
    """N for the first of N boxes, 1 for the last: scores without a tie, exact."""
    return ops.cast(ops.arange(boxes.shape[1], 0, -1), "float32")


def _ranks_kept_by_tensorflow(
    boxes: Tensor,
    classes: Tensor,
    valid: Tensor,
    wanted: int,
    iou_from: float,
    per_class: int | None,
) -> Tensor:
    import tensorflow as tf

    ranks = ops.where(valid, _ranks(boxes), 0.0)[..., None]
    if per_class is not None:
        ranks = ranks * ops.one_hot(classes, per_class, dtype="float32")
    found = tf.image.combined_non_max_suppression(
        boxes[:, :, None],
        ranks,
        max_output_size_per_class=wanted,
        max_total_size=wanted,
        iou_threshold=iou_from,
        score_threshold=0.0,  # what is above it counts
        clip_boxes=False,
    )
    return found.nmsed_scores


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
