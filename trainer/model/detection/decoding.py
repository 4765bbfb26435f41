"""Predictions to detections: scores, boxes, NMS, padded to a fixed number."""

from typing import Any

from keras import ops

from schemas.tensor_boxes import clip
from trainer.model.config import DecodingConfig
from trainer.model.detection.nms import best_kept
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
    top_k, candidates = config.pre_nms_top_k, num_anchors * num_classes
    lacking = max(0, top_k - candidates) if isinstance(candidates, int) else top_k
    if lacking:
        flat = ops.pad(flat, ((0, 0), (0, lacking)), constant_values=NO_LOGIT)
    best_logits, best = ops.top_k(flat, top_k)
    scores = ops.sigmoid(best_logits)
    best = ops.minimum(ops.cast(best, "int32"), candidates - 1)
    anchor_indices, classes = best // num_classes, best % num_classes
    deltas = _chosen(ops.cast(predictions["box_deltas"], "float32"), anchor_indices)
    chosen_anchors = ops.take(anchors, anchor_indices, axis=0)
    boxes = clip(decode_boxes(deltas, chosen_anchors, variance), image_size)
    order, is_detection = best_kept(
        boxes,
        classes,
        valid=ops.logical_and(scores >= config.score_from, best_logits > NO_LOGIT),
        wanted=config.max_detections,
        iou_from=config.nms_iou,
        per_class=None if config.class_agnostic_nms else num_classes,
    )
    return {
        "boxes": ops.where(is_detection[..., None], _chosen(boxes, order), 0.0),
        "scores": ops.where(is_detection, _chosen(scores, order), 0.0),
        "classes": ops.where(is_detection, _chosen(classes, order), -1),
        "num_detections": ops.sum(ops.cast(is_detection, "int32"), axis=1),
    }


def _chosen(values: Tensor, places: Tensor) -> Tensor:
    """Values [B, N, ...] at `places` [B, M] int32 of each image -> [B, M, ...].

    Of all images at once: `take_along_axis` takes four times as many operations.
    """
    images, count = ops.shape(values)[:2]
    flat = ops.reshape(values, (-1, *values.shape[2:]))
    first = ops.arange(images, dtype="int32")[:, None] * count
    return ops.take(flat, first + places, axis=0)
