"""The RetinaNet as a Keras model: predictions, losses and detections."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from schemas.config_json import from_mapping, to_mapping
from trainer.model.config import ModelConfig
from trainer.model.detection.decoding import decode_detections
from trainer.model.losses import ciou_loss, focal_loss, giou_loss, smooth_l1_loss
from trainer.model.parts.compute_order import computed_after
from trainer.model.parts.feature_pyramid import FeaturePyramid
from trainer.model.parts.heads import PredictionHead, prior_bias
from trainer.model.parts.replicas import num_replicas_of_scope, sum_over_replicas
from trainer.model.targets.anchors import anchors_per_level
from trainer.model.targets.box_coding import decode_boxes, encode_boxes
from trainer.model.targets.per_anchor import Targets, make_targets

Tensor = Any
# of ImageNet's RGB, 0..255: what every pretrained backbone expects
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


@keras.saving.register_keras_serializable(package="voc_pipeline")
class RetinaNet(keras.Model):
    """Images [B, H, W, 3] (0..255) -> predictions and detections.

    Called with `training=True` it gives `class_logits` [B, A, K] and `box_deltas`
    [B, A, 4]; otherwise also the detections of `decode_detections`, in pixels of
    the given images. Any image size of at least 1x1 will do. Train with
    `fit(x=images, y={"gt_boxes", "gt_classes", "gt_difficult"})`; metrics given
    to `compile` are updated with detections, during evaluation only.
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        config: ModelConfig,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f"need num_classes >= 1, got {num_classes}")
        self.config = config
        self.num_classes = num_classes
        self.backbone = backbone
        batch_norm = config.pyramid_norm == "batch"
        several = num_replicas_of_scope() > 1
        self._synchronized = config.synchronize_batch_norm and several
        self.pyramid = FeaturePyramid(
            config.levels,
            config.pyramid_filters,
            batch_norm,
            self._synchronized,
            name="pyramid",
        )
        self.class_head = self._head(
            "class_head", num_classes, prior_bias(config.head.prior)
        )
        self.box_head = self._head("box_head", 4)
        self.class_loss_tracker = keras.metrics.Mean(name="class_loss")
        self.box_loss_tracker = keras.metrics.Mean(name="box_loss")
        self._detection_metrics = _DetectionMetrics()

    def _head(self, name: str, outputs: int, bias: float = 0.0) -> PredictionHead:
        return PredictionHead(
            self.config.head,
            self.config.pyramid_filters,
            self.config.anchors.per_cell,
            outputs,
            num_levels=len(self.config.levels),
            bias=bias,
            synchronized=self._synchronized,
            name=name,
        )

    def compile(
        self,
        *args: Any,
        metrics: Sequence[keras.metrics.Metric] | None = None,
        **kwargs: Any,
    ) -> None:
        """Keras's; each metric is updated with ground truth and all detections."""
        super().compile(*args, **kwargs)
        self._detection_metrics.metrics = list(metrics or ())

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as Keras's formats keep them."""
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "num_classes": self.num_classes,
            "config": to_mapping(self.config),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "RetinaNet":
        """The inverse of `get_config`; the weights are new."""
        backbone = keras.saving.deserialize_keras_object(
            config["backbone"], custom_objects=custom_objects
        )
        model_config = from_mapping(ModelConfig, config["config"])
        in_force = keras.config.dtype_policy()
        keras.config.set_dtype_policy(
            keras.saving.deserialize_keras_object(config["dtype"])
        )
        try:  # the pyramid and the heads take the policy in force
            return cls(**{**config, "backbone": backbone, "config": model_config})
        finally:
            keras.config.set_dtype_policy(in_force)

    def get_compile_config(self) -> dict[str, Any]:
        """Keras's, with the metrics that it is not shown."""
        config: dict[str, Any] = super().get_compile_config()
        metrics = keras.saving.serialize_keras_object(self._detection_metrics.metrics)
        return {**config, "metrics": metrics} if config else {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved model was; its optimiser's state is still to come."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create all weights; only the number of channels matters."""
        stages = self.backbone.compute_output_shape((None, None, None, 3))
        self.pyramid.build(stages)
        map_shape = (None, None, None, self.config.pyramid_filters)
        shapes = [map_shape] * len(self.config.levels)
        self.class_head.build(shapes)
        self.box_head.build(shapes)
        self.built = True

    def anchors(self, height: Tensor, width: Tensor) -> list[Tensor]:
        """Anchors of every level for an image size: list of [A_l, 4] xyxy px."""
        return anchors_per_level(height, width, self.config.levels, self.config.anchors)

    def stages(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The backbone's feature maps by name, P2 to P5."""
        return self.backbone(
            ops.cast(_normalized(images), self.compute_dtype),
            training=training and not self.config.freeze_batch_norm,
        )

    def call(
        self, images: Tensor | dict[str, Tensor], training: bool = False
    ) -> dict[str, Tensor]:
        """Predictions, and outside of training detections too.

        In the place of images it takes what `stages` made of them.
        """
        given = isinstance(images, dict)
        stages = images if given else self.stages(images, training)
        height, width = _image_size(images)
        maps = self.pyramid(stages, training=training)
        predictions = {
            "class_logits": self.class_head(maps, training=training),
            "box_deltas": self.box_head(maps, training=training),
        }
        if training:
            return predictions
        detections = decode_detections(
            predictions,
            ops.concatenate(self.anchors(height, width), axis=0),
            (height, width),
            self.config.box_variance,
            self.config.decoding,
        )
        return {**predictions, **detections}

    def compute_loss(
        self,
        x: Tensor = None,
        y: dict[str, Tensor] | None = None,
        y_pred: dict[str, Tensor] | None = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Focal + box loss, both divided by the positives of the global batch."""
        if y is None or y_pred is None:
            raise ValueError("RetinaNet trains on ground truth: give fit(y=...)")
        height, width = _image_size(x)
        y = {
            name: computed_after(value, y_pred["class_logits"])
            for name, value in y.items()
        }
        anchors_by_level = [
            ops.convert_to_tensor(anchors) for anchors in self.anchors(height, width)
        ]
        targets = make_targets(
            anchors_by_level, y, self.num_classes, self.config.matcher
        )
        anchors = ops.concatenate(anchors_by_level, axis=0)
        class_sum, box_sum = self._loss_sums(y_pred, targets, anchors)
        positives = sum_over_replicas(ops.sum(targets.positive))
        # a batch without positives still teaches the class head what is nothing
        normalizer = ops.maximum(positives, 1.0)
        class_loss = class_sum / normalizer
        box_loss = self.config.loss.box_weight * box_sum / normalizer
        # weighed by images, as Keras does its own; computed after the losses, as Keras
        # finds the end of the data by a step without any: a constant would still count
        images = computed_after(
            ops.shape(y_pred["class_logits"])[0], class_loss, box_loss
        )
        self.class_loss_tracker.update_state(sum_over_replicas(class_loss), images)
        self.box_loss_tracker.update_state(sum_over_replicas(box_loss), images)
        return class_loss + box_loss

    def _loss_sums(
        self, y_pred: dict[str, Tensor], targets: Targets, anchors: Tensor
    ) -> tuple[Tensor, Tensor]:
        config = self.config.loss
        per_class = focal_loss(
            y_pred["class_logits"],
            targets.classes,
            config.focal_alpha,
            config.focal_gamma,
        )
        class_sum = ops.sum(per_class * targets.counted[..., None])
        # anchors that are not positive take their own box as target: loss 0, and
        # no infinite gradient behind the mask
        positive = targets.positive[..., None] > 0
        target_boxes = ops.where(positive, targets.boxes, anchors)
        deltas = ops.cast(y_pred["box_deltas"], "float32")
        variance = self.config.box_variance
        if config.box == "smooth_l1":
            target_deltas = encode_boxes(target_boxes, anchors, variance)
            losses = smooth_l1_loss(deltas, target_deltas, config.smooth_l1_beta)
        else:
            loss = giou_loss if config.box == "giou" else ciou_loss
            losses = loss(decode_boxes(deltas, anchors, variance), target_boxes)
        return class_sum, ops.sum(losses * targets.positive)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Running losses, and the metrics given to `compile`."""
        return [*super().metrics, *self._detection_metrics.metrics]

    def compute_metrics(
        self,
        x: Tensor,
        y: dict[str, Tensor],
        y_pred: dict[str, Tensor],
        sample_weight: Tensor = None,
    ) -> dict[str, Any]:
        """Update the compiled metrics where there are detections to judge."""
        judged = self._detection_metrics.metrics if "boxes" in y_pred else []
        for metric in judged:
            metric.update_state(y, y_pred)
        losses = {metric.name: metric.result() for metric in super().metrics}
        return losses | {metric.name: metric.result() for metric in judged}


class _DetectionMetrics:
    """Hides metrics from Keras, which takes one for each output where it sees them."""

    def __init__(self) -> None:
        self.metrics: list[keras.metrics.Metric] = []


def _normalized(images: Tensor) -> Tensor:
    """Images [B, H, W, 3] less ImageNet's mean, over its deviation, float32.

    Row by row: TensorFlow takes ten times as long where only the 3 channels are alike.
    """
    _, height, width, channels = ops.shape(images)
    rows = ops.reshape(ops.cast(images, "float32"), (-1, height, width * channels))
    mean, std = (
        ops.tile(ops.convert_to_tensor(values), [width])
        for values in (PIXEL_MEAN, PIXEL_STD)
    )
    return ops.reshape((rows - mean) / std, (-1, height, width, channels))


def _image_size(images: Tensor | dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Height and width: integers where they are known, else tensors.

    Stages tell them to the finest one's stride, which is all that anchors need.
    """
    if isinstance(images, dict):
        finest = min(images)
        _, rows, columns, _ = ops.shape(images[finest])
        stride = 2 ** int(finest.removeprefix("P"))
        return rows * stride, columns * stride
    _, height, width, _ = ops.shape(images)
    return height, width
