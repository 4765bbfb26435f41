"""Exact COCO metrics as Keras metrics, for `compile(metrics=...)` or a callback.

Keras updates a metric at every step inside the compiled training step, asks for its
result at every step too, and reads the result that counts at the end of the epoch,
outside the graph. So the update writes the padded boxes of the batch into a buffer of
static shape (no loop, no sort: microseconds, on any device, under XLA), the result in
the graph is a variable holding the last epoch's value, and the result outside it runs
the NumPy core on the buffer. Matching inside the graph would compute the same numbers
later: they depend on all images at once.

Under tf.distribute every replica owns the rows r, r + R, r + 2R, ... of its copy of the
buffer and leaves the others zero, so that the sum over replicas, Keras' own way of
merging metric states, is the buffer of all images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from schemas.boxes import check_format, to_xywh
from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.graph_state import (
    is_traced,
    only_with,
    replica_and_count,
    write_rows,
)
from trainer.metrics.packed_boxes import (
    DETECTION,
    GROUND_TRUTH,
    from_slots,
    pack_detections,
    pack_ground_truths,
    to_slots,
)
from trainer.metrics.protocol import (
    AreaRange,
    CocoProtocol,
    DifficultMode,
)
from trainer.metrics.summary import CocoSummary, summarise
from trainer.metrics.tensors import UNDEFINED

Tensor = Any

# Columns that precede an image's boxes in the buffer: 1, step, replica.
_IMAGE = 3


class _CocoMetric(keras.metrics.Metric):
    """Buffers padded boxes in the graph; computes on the host.

    Args:
        class_ids: the classes that count; boxes of others are left out.
        bounding_box_format: one of `schemas.boxes.FORMATS`.
        max_images: images in an epoch, at most; with R replicas add one global batch.
        ground_truths_per_image: slots; a batch may bring fewer, padded by class -1.
        detections_per_image: slots, likewise.
        iou_thresholds: increasing; COCO's .50:.95 by default.
        area_range: (low, high) in square pixels, both included; every area by default.
        max_detections: best detections of a class in an image that count.
        difficult: how ground truths flagged difficult count.
        image_shape: (height, width) that relative formats refer to.
        name: of the metric in the logs.
        dtype: of the result.
    """

    def __init__(  # noqa: PLR0913  the measure and the three sizes of its buffer
        self,
        class_ids: Sequence[int],
        bounding_box_format: str,
        *,
        max_images: int,
        ground_truths_per_image: int = 100,
        detections_per_image: int = 100,
        iou_thresholds: Sequence[float] | None = None,
        area_range: tuple[float, float] | None = None,
        max_detections: int = 100,
        difficult: DifficultMode = "ignore",
        image_shape: tuple[int, int] | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        check_format(bounding_box_format, image_shape)
        if max_images < 1:
            raise ValueError(f"max_images must be at least 1, got {max_images}")
        self._config: dict[str, Any] = {
            "class_ids": tuple(int(class_id) for class_id in class_ids),
            "bounding_box_format": bounding_box_format,
            "max_images": max_images,
            "ground_truths_per_image": ground_truths_per_image,
            "detections_per_image": detections_per_image,
            "iou_thresholds": None if iou_thresholds is None else tuple(iou_thresholds),
            "area_range": None if area_range is None else tuple(area_range),
            "max_detections": max_detections,
            "difficult": difficult,
            "image_shape": None if image_shape is None else tuple(image_shape),
        }
        self._protocol = _protocol(iou_thresholds, area_range, max_detections)
        self._detection_slots = detections_per_image
        self._ground_truth_slots = ground_truths_per_image
        width = _IMAGE + DETECTION * detections_per_image
        width += GROUND_TRUTH * ground_truths_per_image
        # One row more than images: what finds no room is written there and never read.
        self._buffer = self.add_variable(
            (max_images + 1, width), "zeros", "float32", name="images"
        )
        self._seen = self.add_variable((), "zeros", "int32", name="seen")
        self._step = self.add_variable((), "zeros", "int32", name="step")
        self._last = self.add_variable(
            (), keras.initializers.Constant(np.nan), "float32", "mean", name="last"
        )

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Tensor = None
    ) -> None:
        """Takes a batch: mappings as for the pack functions, or packed tensors."""
        if sample_weight is not None:
            raise ValueError(f"{self.name}: COCO metrics know no sample weights")
        if isinstance(y_true, Mapping):
            y_true = pack_ground_truths(y_true)
        if isinstance(y_pred, Mapping):
            y_pred = pack_detections(y_pred)
        detections = to_slots(y_pred, self._detection_slots, DETECTION)
        ground_truths = to_slots(y_true, self._ground_truth_slots, GROUND_TRUTH)
        batch = only_with(detections, ops.shape(detections)[0])
        replica, num_replicas = replica_and_count()
        arrival = (ops.ones(()), self._step.value, ops.convert_to_tensor(replica))
        image = ops.stack([ops.cast(number, "float32") for number in arrival])
        image = ops.broadcast_to(image, (batch, _IMAGE))
        rows = ops.concatenate([image, detections, ground_truths], axis=1)
        slot = (self._seen.value + ops.arange(batch, dtype="int32")) * num_replicas
        slot = ops.minimum(slot + replica, self._config["max_images"])
        write_rows(self._buffer, slot, rows)
        self._seen.assign(self._seen.value + batch)
        self._step.assign(self._step.value + only_with(detections, 1))

    def result(self) -> Tensor:
        """In a graph the value of the last epoch that ended; else that of all images.

        NaN where there is no ground truth, and where a detection is not a number.
        """
        if is_traced(self._buffer):
            return ops.cast(self._last.value, self.dtype)
        value = self._read(self.summary())
        self._last.assign(value)
        return ops.convert_to_tensor(value, self.dtype)

    def reset_state(self) -> None:
        """Forgets the images; the value shown in the graph stays until the next."""
        for variable in (self._buffer, self._seen, self._step):
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def summary(self) -> CocoSummary | None:
        """All numbers of the images seen; None where a detection is not a number.

        Outside a graph only.
        """
        images = self._images()
        if images is None:
            return None
        num_classes = len(images.num_ground_truths)
        return summarise(images, [str(number) for number in range(num_classes)])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self._config}

    def _read(self, summary: CocoSummary | None) -> float:
        raise NotImplementedError

    def _images(self) -> CocoAccumulator | None:
        config = self._config
        seen = int(self._seen.numpy())
        rows = self._buffer.numpy()[:-1]
        rows = rows[rows[:, 0] > 0]
        if len(rows) < seen:
            raise ValueError(
                f"{self.name} has room for max_images={config['max_images']} and was "
                f"given {seen}: raise max_images"
            )
        # By step, replica, slot: the order in which one device would have seen them.
        rows = rows[np.lexsort((rows[:, 2], rows[:, 1]))]
        split = _IMAGE + DETECTION * self._detection_slots
        class_ids = config["class_ids"]
        image, found = from_slots(rows[:, _IMAGE:split], DETECTION, class_ids)
        if not np.isfinite(found).all():
            return None
        gt_image, truth = from_slots(rows[:, split:], GROUND_TRUTH, class_ids)
        form = config["bounding_box_format"], config["image_shape"]
        return evaluate_images(
            GroundTruths(
                gt_image,
                truth[:, 4],
                to_xywh(truth[:, :4], *form),
                difficult=truth[:, 5] > 0,
                crowd=truth[:, 6] > 0,
            ),
            Detections(image, found[:, 4], to_xywh(found[:, :4], *form), found[:, 5]),
            image_ids=np.arange(len(rows)),
            num_classes=max(class_ids) + 1,
            protocol=self._protocol,
            difficult=config["difficult"],
        )


@keras.saving.register_keras_serializable(package="voc_pipeline")
class COCOMeanAveragePrecision(_CocoMetric):
    """COCO's AP: mean over classes, IoU thresholds and 101 recalls."""

    def _read(self, summary: CocoSummary | None) -> float:
        return _defined(summary, "AP")


@keras.saving.register_keras_serializable(package="voc_pipeline")
class COCORecall(_CocoMetric):
    """COCO's AR: recall with `max_detections`, mean over classes and IoU thresholds."""

    def _read(self, summary: CocoSummary | None) -> float:
        return _defined(summary, f"AR{self._config['max_detections']}")


def _defined(summary: CocoSummary | None, name: str) -> float:
    value = UNDEFINED if summary is None else summary.metrics[name]
    return float("nan") if value == UNDEFINED else value


def _protocol(
    iou_thresholds: Sequence[float] | None,
    area_range: tuple[float, float] | None,
    max_detections: int,
) -> CocoProtocol:
    protocol = CocoProtocol(max_dets=(max_detections,))
    if iou_thresholds is not None:
        protocol = replace(protocol, iou_thresholds=tuple(iou_thresholds))
    if area_range is not None:
        protocol = replace(protocol, area_ranges=(AreaRange("all", *area_range),))
    return protocol
