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
Arrays = Mapping[str, NDArray[Any]]
_COLUMNS = ("image", "boxes", "class", "of")


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
        [local(variable.value) for variable in model.trainable_variables],
        [local(variable.value) for variable in model.non_trainable_variables],
        np.asarray(images),
    )


def local(value: Any) -> Any:
    """JAX's array, or this process's copy of one that several hold."""
    return value if value.is_fully_addressable else value.addressable_data(0)


def evaluate_batches(
    detect: Detect,
    batches: Iterable[Batch],
    class_names: Sequence[str],
    look: Callable[[Batch, Mapping[str, Any]], None] | None = None,
    gather: Callable[[Arrays], Sequence[Arrays]] = lambda arrays: [arrays],
) -> CocoSummary:
    """Score detections against ground truth, both in pixels of the original images.

    `look`, where given, is shown each batch with its detections, in the frame's pixels.
    `gather` gives the columns of every process that has evaluated a part of the split,
    in the order of the parts.
    """
    columns = _Columns()
    for batch in batches:
        outputs = detect(batch["images"])
        columns.add(batch, outputs)
        if look is not None:
            look(batch, outputs)
    whole = _joined(gather(columns.arrays()))
    return coco_summary(
        GroundTruths(**_named(whole, "truth", "difficult")),
        Detections(**_named(whole, "found", "score")),
        image_ids=whole["image_ids"].tolist(),
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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Columns by name; those of boxes are missing where there was no batch."""
        arrays = {"image_ids": np.array(self.image_ids, str)}
        for kind, rows in (("truth", self._truth), ("found", self._found)):
            columns = map(np.concatenate, zip(*rows, strict=True))
            arrays |= {
                f"{kind}/{name}": column
                for name, column in zip(_COLUMNS, columns, strict=bool(rows))
            }
        return arrays


def _rows(
    numbers: NDArray[Any], boxes: NDArray[Any], classes: NDArray[Any], of: NDArray[Any]
) -> tuple[NDArray[Any], ...]:
    """Image numbers, boxes, classes and `of` of a batch, without the padding."""
    is_box = classes >= 0
    image = np.broadcast_to(numbers, classes.shape)
    return image[is_box], boxes[is_box], classes[is_box], of[is_box]


def _joined(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """The columns of all parts of a split; images are counted through."""
    filled = [dict(part) for part in parts if len(part["image_ids"])]
    if not filled:
        raise ValueError("nothing to evaluate: the eval split has no examples")
    before = 0
    for part in filled:
        for name in ("truth/image", "found/image"):
            part[name] = part[name] + before
        before += len(part["image_ids"])
    return {name: np.concatenate([p[name] for p in filled]) for name in filled[0]}


def _named(columns: Arrays, kind: str, of: str) -> dict[str, NDArray[Any]]:
    """Columns of ground truths or detections; `of` is the last one's name."""
    image, boxes, class_id, last = (columns[f"{kind}/{name}"] for name in _COLUMNS)
    named = {"image": image, "boxes_xywh": to_xywh(boxes), "class_id": class_id}
    return named | {of: last}


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
