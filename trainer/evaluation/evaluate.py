"""Exact COCO numbers of a model on batches of the input pipeline."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from schemas.boxes import to_xywh
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.summary import CocoSummary, coco_summary

Batch = Mapping[str, Any]
Detect = Callable[[Any], Mapping[str, Any]]


def compiled_detector(model: Any) -> Detect:
    """Images [B, H, W, 3] -> detections, compiled once for any batch size.

    It runs on one device, also under a distribution strategy.
    """
    if keras.backend.backend() == "jax":
        return _compiled_by_jax(model)
    import tensorflow as tf

    return tf.function(
        lambda images: model(images, training=False), reduce_retracing=True
    )


def _compiled_by_jax(model: Any) -> Detect:
    """Not `model.predict`: it gives the weights' memory away to be written over.

    Inside an epoch that memory may be that of the moving averages, too.
    """
    import jax

    @jax.jit
    def detect(weights: list[Any], others: list[Any], images: Any) -> Any:
        return model.stateless_call(weights, others, images, training=False)[0]

    return lambda images: detect(
        [variable.value for variable in model.trainable_variables],
        [variable.value for variable in model.non_trainable_variables],
        np.asarray(images),
    )


def evaluate_batches(
    detect: Detect,
    batches: Iterable[Batch],
    class_names: Sequence[str],
    look: Callable[[Batch, Mapping[str, Any]], None] | None = None,
) -> CocoSummary:
    """Score detections against ground truth, both in pixels of the original images.

    `look`, where given, is shown each batch with its detections, in the frame's pixels.
    """
    columns = _Columns()
    for batch in batches:
        outputs = detect(batch["images"])
        columns.add(batch, outputs)
        if look is not None:
            look(batch, outputs)
    return coco_summary(
        columns.ground_truths(),
        columns.detections(),
        image_ids=columns.image_ids,
        class_names=class_names,
    )


class _Columns:
    """Rows of ground truths and detections, collected batch by batch."""

    def __init__(self) -> None:
        self.image_ids: list[str] = []
        self._truth: list[tuple[NDArray[Any], ...]] = []
        self._found: list[tuple[NDArray[Any], ...]] = []

    def add(self, batch: Batch, outputs: Mapping[str, Any]) -> None:
        frame = np.asarray(batch["letterbox"]), np.asarray(batch["image_shapes"])
        ids = [_text(i) for i in np.asarray(batch["image_ids"])]
        numbers = np.arange(len(ids))[:, None] + len(self.image_ids)
        self.image_ids += ids
        # what was annotated in whole pixels is so again, as where TFMA reads it
        boxes = _original(np.asarray(batch["gt_boxes"], np.float64), *frame).round(3)
        truth = boxes, batch["gt_classes"], batch["gt_difficult"]
        self._truth.append(_rows(numbers, *map(np.asarray, truth)))
        boxes = _original(np.asarray(outputs["boxes"]), *frame)
        found = boxes, outputs["classes"], outputs["scores"]
        self._found.append(_rows(numbers, *map(np.asarray, found)))

    def ground_truths(self) -> GroundTruths:
        return GroundTruths(**_joined(self._truth, "difficult"))

    def detections(self) -> Detections:
        return Detections(**_joined(self._found, "score"))


def _rows(
    numbers: NDArray[Any], boxes: NDArray[Any], classes: NDArray[Any], of: NDArray[Any]
) -> tuple[NDArray[Any], ...]:
    """Image numbers, boxes, classes and `of` of a batch, without the padding."""
    is_box = classes >= 0
    image = np.broadcast_to(numbers, classes.shape)
    return image[is_box], boxes[is_box], classes[is_box], of[is_box]


def _joined(rows: list[tuple[NDArray[Any], ...]], of: str) -> dict[str, NDArray[Any]]:
    """`_rows` of every batch as columns; `of` names the last."""
    if not rows:
        raise ValueError("nothing to evaluate: the eval split has no examples")
    image, boxes, *others = map(np.concatenate, zip(*rows, strict=True))
    columns = {"image": image, "boxes_xywh": to_xywh(boxes)}
    return columns | dict(zip(("class_id", of), others, strict=True))


def _original(
    boxes: NDArray[Any], letterbox: NDArray[Any], image_shapes: NDArray[Any]
) -> NDArray[Any]:
    """Boxes [B, N, 4] of the frame in the images, cut at their edges as when served."""
    scale, offset = letterbox[:, None, :2], letterbox[:, None, 2:]
    in_image = (boxes - np.tile(offset, 2)) / np.tile(scale, 2)
    width_height = image_shapes[:, None, ::-1].astype(boxes.dtype)
    return np.clip(in_image, 0, np.tile(width_height, 2))


def _text(image_id: Any) -> str:
    return image_id.decode() if isinstance(image_id, bytes) else str(image_id)
