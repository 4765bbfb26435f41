"""Predictions to detections: scores, boxes, NMS, padded to a fixed number."""

from typing import Any

from keras import ops

from schemas.tensor_boxes import clip
from trainer.model.config import DecodingConfig
from trainer.model.detection.nms import keep_mask
from trainer.model.targets.box_coding import decode_boxes

Tensor = Any
NO_LOGIT = -1e9


def decode_detections(
    predictions: dict[str, Tensor],
    anchors: Tensor,
    image_size: tuple[Tensor, Tensor],
    variance: tuple[float, float, float, float],
    config: DecodingConfig,
) -> dict[str, Tensor]:
    """The best `max_detections` of every image, best score first.

    predictions: class_logits [B, A, K], box_deltas [B, A, 4]; anchors [A, 4] px.
    Returns boxes [B, D, 4] float32 xyxy px clipped to `image_size` (height, width),
    scores [B, D] float32, classes [B, D] int32, num_detections [B] int32; places
    past the number are 0, 0 and -1. An anchor may give a detection for each class.
    """
    logits = ops.cast(predictions["class_logits"], "float32")
    num_anchors, num_classes = ops.shape(anchors)[0], int(logits.shape[-1])
    flat = ops.reshape(logits, (ops.shape(logits)[0], -1))
    # an image may have fewer candidates than the number that goes on
    top_k = config.pre_nms_top_k
    flat = ops.pad(flat, ((0, 0), (0, top_k)), constant_values=NO_LOGIT)
    best_logits, best = ops.top_k(flat, top_k)
    scores = ops.sigmoid(best_logits)
    best = ops.minimum(ops.cast(best, "int32"), num_anchors * num_classes - 1)
    anchor_indices, classes = best // num_classes, best % num_classes
    deltas = ops.take_along_axis(
        ops.cast(predictions["box_deltas"], "float32"),
        anchor_indices[..., None],
        axis=1,
    )
    chosen_anchors = ops.take(anchors, anchor_indices, axis=0)
    boxes = clip(decode_boxes(deltas, chosen_anchors, variance), image_size)
    keep = keep_mask(
        boxes,
        classes,
        valid=ops.logical_and(scores >= config.score_from, best_logits > NO_LOGIT),
        iou_from=config.nms_iou,
        per_class=not config.class_agnostic_nms,
    )
    return _best_kept(boxes, scores, classes, keep, config.max_detections)


def _best_kept(
    boxes: Tensor, scores: Tensor, classes: Tensor, keep: Tensor, wanted: int
) -> dict[str, Tensor]:
    kept_scores, order = ops.top_k(ops.where(keep, scores, -1.0), wanted)
    order = ops.cast(order, "int32")
    is_detection = kept_scores >= 0
    chosen_boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    chosen_classes = ops.take_along_axis(classes, order, axis=1)
    return {
        "boxes": ops.where(is_detection[..., None], chosen_boxes, 0.0),
        "scores": ops.where(is_detection, kept_scores, 0.0),
        "classes": ops.where(is_detection, chosen_classes, -1),
        "num_detections": ops.sum(ops.cast(is_detection, "int32"), axis=1),
    }
