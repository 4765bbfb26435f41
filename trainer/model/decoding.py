"""Predictions to detections: scores, boxes, NMS, padded to a fixed number."""

from typing import Any

from keras import ops

from trainer.model.box_coding import decode_boxes
from trainer.model.config import DecodingConfig
from trainer.model.nms import keep_mask

Tensor = Any


def decode_detections(
    predictions: dict[str, Tensor],
    anchors: Tensor,
    image_size: tuple[int, int],
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
    num_anchors, num_classes = int(anchors.shape[0]), int(logits.shape[-1])
    flat = ops.reshape(logits, (-1, num_anchors * num_classes))
    top_k = min(config.pre_nms_top_k, num_anchors * num_classes)
    best_logits, best = ops.top_k(flat, top_k)
    scores = ops.sigmoid(best_logits)
    anchor_indices = ops.cast(best // num_classes, "int32")
    classes = ops.cast(best % num_classes, "int32")
    deltas = ops.take_along_axis(
        ops.cast(predictions["box_deltas"], "float32"),
        anchor_indices[..., None],
        axis=1,
    )
    chosen_anchors = ops.take(anchors, anchor_indices, axis=0)
    boxes = _clip(decode_boxes(deltas, chosen_anchors, variance), image_size)
    keep = keep_mask(
        boxes,
        classes,
        valid=scores >= config.score_from,
        iou_from=config.nms_iou,
        per_class=not config.class_agnostic_nms,
    )
    return _best_kept(boxes, scores, classes, keep, config.max_detections)


def _best_kept(
    boxes: Tensor, scores: Tensor, classes: Tensor, keep: Tensor, wanted: int
) -> dict[str, Tensor]:
    count = min(wanted, int(keep.shape[1]))
    kept_scores, order = ops.top_k(ops.where(keep, scores, -1.0), count)
    order = ops.cast(order, "int32")
    is_detection = kept_scores >= 0
    chosen_boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    chosen_classes = ops.take_along_axis(classes, order, axis=1)
    missing = wanted - count
    return {
        "boxes": ops.pad(
            ops.where(is_detection[..., None], chosen_boxes, 0.0),
            ((0, 0), (0, missing), (0, 0)),
        ),
        "scores": ops.pad(
            ops.where(is_detection, kept_scores, 0.0), ((0, 0), (0, missing))
        ),
        "classes": ops.pad(
            ops.where(is_detection, chosen_classes, -1),
            ((0, 0), (0, missing)),
            constant_values=-1,
        ),
        "num_detections": ops.sum(ops.cast(is_detection, "int32"), axis=1),
    }


def _clip(boxes: Tensor, image_size: tuple[int, int]) -> Tensor:
    height, width = image_size
    limits = ops.convert_to_tensor([width, height, width, height], dtype="float32")
    return ops.clip(boxes, 0.0, limits)
