"""Per-anchor training values, from matched ground truths."""

from typing import Any, NamedTuple

from keras import ops

from trainer.model.config import MatcherConfig
from trainer.model.targets.matcher import IGNORED, POSITIVE, match

Tensor = Any


class Targets(NamedTuple):
    """What each anchor should predict.

    classes [B, A, K] float32: one-hot for positives, zero for the rest.
    boxes [B, A, 4] xyxy px: meaningful where `positive`.
    positive, counted [B, A] float32: 1 where the box loss applies, and where the
    class loss does (all but ignored anchors).
    """

    classes: Tensor
    boxes: Tensor
    positive: Tensor
    counted: Tensor


def make_targets(
    anchors_by_level: list[Tensor],
    ground_truth: dict[str, Tensor],
    num_classes: int,
    config: MatcherConfig,
) -> Targets:
    """Targets of a batch; `ground_truth` holds gt_boxes, gt_classes, gt_difficult."""
    gt_boxes = ops.cast(ground_truth["gt_boxes"], "float32")
    gt_classes = ops.cast(ground_truth["gt_classes"], "int32")
    gt_difficult = ops.cast(ground_truth["gt_difficult"], "bool")
    states, gt_indices = match(
        anchors_by_level, gt_boxes, gt_classes >= 0, gt_difficult, config
    )
    positive = ops.cast(states == POSITIVE, "float32")
    classes = ops.take_along_axis(gt_classes, gt_indices, axis=1)
    # ops.one_hot of -1 (padding) is all zero
    one_hot = ops.one_hot(classes, num_classes, dtype="float32")
    return Targets(
        classes=one_hot * positive[..., None],
        boxes=ops.take_along_axis(gt_boxes, gt_indices[..., None], axis=1),
        positive=positive,
        counted=ops.cast(states != IGNORED, "float32"),
    )
