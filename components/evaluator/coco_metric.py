"""TFMA face of the COCO metric: pycocotools' numbers for candidate and baseline.

    MetricConfig(
        module="components.evaluator.coco_metric",
        class_name="ExactCOCO",
        config=json.dumps({"class_names": ["cat", "dog"], "difficult": "ignore"}),
    )

Metric keys: AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl, and for each class
AP/NAME and AP50/NAME. NaN where there is no ground truth to find or a model gave NaN:
neither passes a threshold. Ground truths come from the tf.Examples' features,
detections from the signature's outputs; classes are compared by name, so candidate and
baseline may number them differently.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

# TFX comes before TFMA: it completes older releases of TFDV.
# isort: off
from tfx import v1 as _tfx  # noqa: F401
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
# isort: on

from components.evaluator.coco_combine import (
    CombineScoredImages,
    PartialEvaluation,
    ScoredImage,
)
from schemas import tf_example
from trainer.metrics.protocol import CocoProtocol, DifficultMode
from trainer.metrics.summary import metric_names, summarise
from trainer.metrics.tensors import UNDEFINED

PER_CLASS = ("AP", "AP50")
FEATURES = (
    tf_example.IMAGE_ID,
    tf_example.WIDTH,
    tf_example.HEIGHT,
    *tf_example.OBJECT_BOX,
    tf_example.CLASS_NAME,
    tf_example.DIFFICULT,
    tf_example.BRIGHTNESS,
    tf_example.SHA256,
)


def metric_key_names(class_names: Sequence[str]) -> list[str]:
    """The names ExactCOCO reports, in order."""
    per_class = [f"{metric}/{name}" for name in class_names for metric in PER_CLASS]
    return [*metric_names(CocoProtocol()), *per_class]


class ExactCOCO(metric_types.Metric):
    """COCO detection metrics, equal to pycocotools', computed in one combiner.

    Args:
        class_names: the classes that count. Detections of other classes are left out,
            as pycocotools leaves out categories it does not evaluate; a ground truth
            of another class is an error.
        difficult: `ignore` (neither hit nor miss), `crowd` or `plain`.
        name: the key that a threshold inside MetricConfig applies to. Thresholds for
            other keys go into MetricsSpec.thresholds.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        difficult: DifficultMode = "ignore",
        name: str = "AP",
    ) -> None:
        super().__init__(
            _computations,
            class_names=list(class_names),
            difficult=difficult,
            name=name,
        )


def _computations(
    class_names: Sequence[str],
    difficult: DifficultMode,
    model_names: Sequence[str] | None = None,
    name: str = "",
    eval_config: config_pb2.EvalConfig | None = None,
) -> list[metric_types.MetricComputation]:
    del name
    # TFMA looks the thresholds of a MetricsSpec up under keys whose example_weighted is
    # None, and that of a MetricConfig under False.
    in_spec = {
        key
        for spec in (eval_config.metrics_specs if eval_config else ())
        for thresholds in (spec.thresholds, spec.per_slice_thresholds)
        for key in thresholds
    }
    combiners = [
        CombineExtracts(class_names, difficult, model_name, frozenset(in_spec))
        for model_name in model_names or [""]
    ]
    return [
        metric_types.MetricComputation(
            keys=list(combiner.keys.values()),
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=FEATURES)],
            combiner=combiner,
        )
        for combiner in combiners
    ]


class CombineExtracts(beam.CombineFn):
    """TFMA's extracts of one model -> its metrics by key."""

    def __init__(
        self,
        class_names: Sequence[str],
        difficult: DifficultMode,
        model_name: str,
        keys_with_thresholds: frozenset[str] = frozenset(),
    ) -> None:
        self.images = CombineScoredImages(len(class_names), difficult)
        self.class_names = tuple(class_names)
        self.model_name = model_name
        self.keys = {
            name: metric_types.MetricKey(
                name=name,
                model_name=model_name,
                example_weighted=None if name in keys_with_thresholds else False,
            )
            for name in metric_key_names(class_names)
        }

    def create_accumulator(self) -> PartialEvaluation:
        """No images."""
        return self.images.create_accumulator()

    def add_input(
        self, accumulator: PartialEvaluation, element: metric_types.StandardMetricInputs
    ) -> PartialEvaluation:
        """Takes one example's features and predictions."""
        predictions = element.get_predictions()
        if self.model_name and self.model_name in predictions:
            predictions = predictions[self.model_name]
        image = scored_image(element.get_features(), predictions, self.class_names)
        return self.images.add_input(accumulator, image)

    def compact(self, accumulator: PartialEvaluation) -> PartialEvaluation:
        """Matches the images that wait."""
        return self.images.compact(accumulator)

    def merge_accumulators(
        self, accumulators: Iterable[PartialEvaluation]
    ) -> PartialEvaluation:
        """Concatenates."""
        return self.images.merge_accumulators(accumulators)

    def extract_output(
        self, accumulator: PartialEvaluation
    ) -> dict[metric_types.MetricKey, float]:
        """Metric key -> value; NaN where undefined."""
        values = dict.fromkeys(self.keys, UNDEFINED)
        images = self.images.extract_output(accumulator)
        if images is not None:
            summary = summarise(images, self.class_names)
            values.update(summary.metrics)
            for class_name, metrics in summary.per_class.items():
                values.update({f"{m}/{class_name}": metrics[m] for m in PER_CLASS})
        return {
            key: float("nan") if values[name] == UNDEFINED else values[name]
            for name, key in self.keys.items()
        }


def scored_image(
    features: Mapping[str, Any],
    predictions: Mapping[str, Any],
    class_names: Sequence[str],
) -> ScoredImage:
    """One example's features and one model's outputs -> what the metric needs."""
    ids = {class_name: number for number, class_name in enumerate(class_names)}
    image_id = _text(_values(features, tf_example.IMAGE_ID)[0])
    gt_names = [_text(name) for name in _values(features, tf_example.CLASS_NAME)]
    unknown = sorted(set(gt_names) - ids.keys())
    if unknown:
        raise ValueError(
            f"{tf_example.CLASS_NAME} of image {image_id} holds {unknown[0]!r}; "
            f"the metric's class_names are {', '.join(class_names)}"
        )
    num_detections = int(np.ravel(predictions["num_detections"])[0])
    names = [_text(name) for name in np.ravel(predictions["class_names"])]
    counted = np.array(
        [i for i, name in enumerate(names[:num_detections]) if name in ids], np.intp
    )
    difficult = _values(features, tf_example.DIFFICULT).astype(bool)
    return ScoredImage(
        image_id=image_id,
        gt_boxes=_pixel_boxes(features),
        gt_classes=np.array([ids[gt_name] for gt_name in gt_names], np.int64),
        gt_difficult=difficult if len(difficult) else np.zeros(len(gt_names), bool),
        boxes=np.reshape(predictions["boxes"], (-1, 4))[counted],
        classes=np.array([ids[names[i]] for i in counted], np.int64),
        scores=np.ravel(predictions["scores"])[counted],
        width=int(_values(features, tf_example.WIDTH)[0]),
        height=int(_values(features, tf_example.HEIGHT)[0]),
        brightness=_brightness(features),
        sha256=_text(_first(features, tf_example.SHA256, b"")),
    )


def _brightness(features: Mapping[str, Any]) -> float:
    """0..1, or NaN: ingest writes -1 where it was not to decode the image."""
    value = float(_first(features, tf_example.BRIGHTNESS, -1))
    return value if value >= 0 else math.nan


def _first(features: Mapping[str, Any], key: str, default: Any) -> Any:
    values = _values(features, key)
    return values[0] if len(values) else default


def _pixel_boxes(features: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Ground truth boxes [G, 4], xyxy pixels.

    They are rounded to a thousandth of a pixel, which undoes the error of relative
    coordinates in float32: a box annotated in whole pixels is whole again, and its IoU
    the same as if the annotation had been read directly.
    """
    sides = [_values(features, key).astype(np.float64) for key in tf_example.OBJECT_BOX]
    width, height = (
        float(_values(features, key)[0])
        for key in (tf_example.WIDTH, tf_example.HEIGHT)
    )
    return np.round(np.stack(sides, axis=1) * [width, height, width, height], 3)


def _values(features: Mapping[str, Any], key: str) -> npt.NDArray[Any]:
    """A feature's values [N], however TFMA holds them; none where it is absent."""
    value: Any = features.get(key)
    if value is None:
        return np.zeros(0)
    # TFMA's sparse and ragged values are named tuples.
    return np.ravel(value.values if hasattr(value, "_fields") else value)


def _text(value: bytes | str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)


metric_types.register_metric(ExactCOCO)
