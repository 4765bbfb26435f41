"""Losses per anchor, always in float32; summing and normalising is the caller's."""

import math
from typing import Any

from keras import ops

from schemas.tensor_boxes import EPSILON_PX2, paired_iou
from trainer.model.parts.compute_order import computed_after

Tensor = Any


def focal_loss(
    class_logits: Tensor, class_targets: Tensor, alpha: float, gamma: float
) -> Tensor:
    """Sigmoid focal loss (Lin et al. 2017, equation 5), element by element.

    class_logits, class_targets [...]; targets are 0 or 1.
    """

    def terms(logits: Tensor, class_targets: Tensor) -> tuple[Tensor, ...]:
        signs = 2.0 * class_targets - 1.0
        weights = 0.5 + signs * (alpha - 0.5)  # alpha where positive, else 1 - alpha
        margins = logits * signs
        # the probability of being wrong, and -log(1 - wrong) without cancellation
        wrong, surprise = ops.sigmoid(-margins), ops.softplus(-margins)
        return signs, weights * ops.power(wrong, gamma), wrong, surprise

    @ops.custom_gradient
    def loss(logits: Tensor, class_targets: Tensor) -> tuple[Tensor, Any]:
        _, modulated, _, surprise = terms(logits, class_targets)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            # once more: to keep them would take four tensors of the logits' size
            again = computed_after(logits, upstream)
            signs, modulated, wrong, surprise = terms(again, class_targets)
            slope = gamma * (1.0 - wrong) * surprise + wrong
            return -upstream * signs * modulated * slope, ops.zeros_like(class_targets)

        return modulated * surprise, gradient

    return loss(ops.cast(class_logits, "float32"), ops.cast(class_targets, "float32"))


def smooth_l1_loss(deltas: Tensor, target_deltas: Tensor, beta: float) -> Tensor:
    """Huber-like loss [..., 4] -> [...], summed over the four deltas."""
    error = ops.abs(ops.cast(deltas, "float32") - target_deltas)
    quadratic = 0.5 * ops.square(error) / beta
    return ops.sum(ops.where(error < beta, quadratic, error - 0.5 * beta), axis=-1)


def giou_loss(boxes: Tensor, target_boxes: Tensor) -> Tensor:
    """1 - GIoU (Rezatofighi et al. 2019) of boxes [..., 4] xyxy px -> [...]."""
    iou, union = paired_iou(boxes, target_boxes)
    hull = _hull_sides(boxes, target_boxes)
    hull_px2 = ops.maximum(hull[..., 0] * hull[..., 1], EPSILON_PX2)
    return 1.0 - iou + (hull_px2 - union) / hull_px2


def ciou_loss(boxes: Tensor, target_boxes: Tensor) -> Tensor:
    """1 - CIoU (Zheng et al. 2020) of boxes [..., 4] xyxy px -> [...]."""
    iou, _ = paired_iou(boxes, target_boxes)
    hull = _hull_sides(boxes, target_boxes)
    diagonal = ops.sum(ops.square(hull), axis=-1) + EPSILON_PX2
    offset = (boxes - target_boxes)[..., :2] + (boxes - target_boxes)[..., 2:]
    distance = ops.sum(ops.square(offset / 2), axis=-1)
    difference = ops.square(_angle(target_boxes) - _angle(boxes)) * 4 / math.pi**2
    trade_off = ops.stop_gradient(difference / (1.0 - iou + difference + EPSILON_PX2))
    return 1.0 - iou + distance / diagonal + trade_off * difference


def _hull_sides(boxes: Tensor, target_boxes: Tensor) -> Tensor:
    low = ops.minimum(boxes[..., :2], target_boxes[..., :2])
    return ops.maximum(boxes[..., 2:], target_boxes[..., 2:]) - low


def _angle(boxes: Tensor) -> Tensor:
    sides = boxes[..., 2:] - boxes[..., :2]
    return ops.arctan(sides[..., 0] / ops.maximum(sides[..., 1], EPSILON_PX2))
