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

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam

# TFX comes before TFMA: it completes older releases of TFDV.
# isort: off
from tfx import v1 as _tfx  # noqa: F401
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
# isort: on

from components.evaluator.by_class import summary_of
from components.evaluator.coco_combine import (
    CombineScoredImages,
    PartialEvaluation,
    ScoredImage,
)
from components.evaluator.extracts import FEATURES, scored_image
from components.evaluator.kept_columns import KeptColumns
from components.evaluator.kept_images import ImageFiles, KeptImages
from trainer.metrics.protocol import CocoProtocol, DifficultMode
from trainer.metrics.summary import CocoSummary, metric_names, summarise
from trainer.metrics.tensors import UNDEFINED

_LOGGER = logging.getLogger(__name__)
PER_CLASS = ("AP", "AP50")
# The key of the names of the files with all images, where they are kept.
IMAGES_KEY = "image_files"
_IMAGES_PER_FILE = 1000

Keys = dict[str, metric_types.MetricKey]
Values = dict[metric_types.MetricKey, Any]


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
        images_folder: where given, a folder that every worker sees: the images are
            kept there and combined by the names of files, so that no record of Beam's
            grows with them. The names are one more value, `image_files`, as JSON.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        difficult: DifficultMode = "ignore",
        name: str = "AP",
        images_folder: str = "",
    ) -> None:
        super().__init__(
            _computations,
            class_names=list(class_names),
            difficult=difficult,
            name=name,
            images_folder=images_folder,
        )


def _computations(
    class_names: Sequence[str],
    difficult: DifficultMode,
    model_names: Sequence[str] | None = None,
    name: str = "",
    images_folder: str = "",
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
    takes = (class_names, difficult)
    keys = [
        _keys(class_names, model_name, frozenset(in_spec))
        for model_name in model_names or [""]
    ]
    combiners: list[CombineExtracts | CombineKeptExtracts] = [
        CombineKeptExtracts(*takes, of_model, ImageFiles(images_folder))
        if images_folder
        else CombineExtracts(*takes, of_model)
        for of_model in keys
    ]
    return [
        metric_types.MetricComputation(
            keys=combiner.all_keys,
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=FEATURES)],
            combiner=combiner,
        )
        for combiner in combiners
    ]


def _keys(
    class_names: Sequence[str], model_name: str, with_thresholds: frozenset[str]
) -> Keys:
    """Name -> TFMA's key, of one model."""
    return {
        name: metric_types.MetricKey(
            name=name,
            model_name=model_name,
            example_weighted=None if name in with_thresholds else False,
        )
        for name in metric_key_names(class_names)
    }


class _OfOneModel(beam.CombineFn):
    """What both ways to combine have in common."""

    def __init__(
        self, class_names: Sequence[str], difficult: DifficultMode, keys: Keys
    ) -> None:
        self.class_names = tuple(class_names)
        self.difficult = difficult
        self.keys = keys

    @property
    def all_keys(self) -> list[metric_types.MetricKey]:
        """The keys of all values."""
        return list(self.keys.values())

    @property
    def model_name(self) -> str:
        """As TFMA names it; "" where there is one."""
        return str(next(iter(self.keys.values())).model_name)

    def image_of(self, element: metric_types.StandardMetricInputs) -> ScoredImage:
        """One example's objects and what the model found."""
        predictions = element.get_predictions()
        if self.model_name and self.model_name in predictions:
            predictions = predictions[self.model_name]
        return scored_image(element.get_features(), predictions, self.class_names)

    def values(self, summary: CocoSummary | None) -> Values:
        """Metric key -> value; NaN where undefined."""
        values = dict.fromkeys(self.keys, UNDEFINED)
        if summary is not None:
            values.update(summary.metrics)
            for class_name, metrics in summary.per_class.items():
                values.update({f"{m}/{class_name}": metrics[m] for m in PER_CLASS})
        return {
            key: float("nan") if values[name] == UNDEFINED else values[name]
            for name, key in self.keys.items()
        }


class CombineExtracts(_OfOneModel):
    """TFMA's extracts of one model -> its metrics by key; images travel matched."""

    def __init__(
        self, class_names: Sequence[str], difficult: DifficultMode, keys: Keys
    ) -> None:
        super().__init__(class_names, difficult, keys)
        self.images = CombineScoredImages(len(class_names), difficult)

    def create_accumulator(self) -> PartialEvaluation:
        """No images."""
        return self.images.create_accumulator()

    def add_input(
        self, accumulator: PartialEvaluation, element: metric_types.StandardMetricInputs
    ) -> PartialEvaluation:
        """Takes one example's features and predictions."""
        return self.images.add_input(accumulator, self.image_of(element))

    def compact(self, accumulator: PartialEvaluation) -> PartialEvaluation:
        """Matches the images that wait."""
        return self.images.compact(accumulator)

    def merge_accumulators(
        self, accumulators: Iterable[PartialEvaluation]
    ) -> PartialEvaluation:
        """Concatenates."""
        return self.images.merge_accumulators(accumulators)

    def extract_output(self, accumulator: PartialEvaluation) -> Values:
        """Metric key -> value; NaN where undefined."""
        images = self.images.extract_output(accumulator)
        return self.values(summarise(images, self.class_names) if images else None)


class CombineKeptExtracts(_OfOneModel):
    """TFMA's extracts of one model -> its metrics by key; images are kept in files."""

    def __init__(
        self,
        class_names: Sequence[str],
        difficult: DifficultMode,
        keys: Keys,
        files: ImageFiles,
    ) -> None:
        super().__init__(class_names, difficult, keys)
        self.images_key = metric_types.MetricKey(
            name=IMAGES_KEY, model_name=self.model_name, example_weighted=False
        )
        self.files = files

    @property
    def all_keys(self) -> list[metric_types.MetricKey]:
        """The keys of all values."""
        return [*super().all_keys, self.images_key]

    def create_accumulator(self) -> KeptImages:
        """No images."""
        return KeptImages()

    def add_input(
        self, accumulator: KeptImages, element: metric_types.StandardMetricInputs
    ) -> KeptImages:
        """Takes one example's features and predictions."""
        accumulator.images.append(self.image_of(element))
        full = len(accumulator.images) >= _IMAGES_PER_FILE
        return self.compact(accumulator) if full else accumulator

    def compact(self, accumulator: KeptImages) -> KeptImages:
        """Writes the images that are in no file; Beam asks before it ships them."""
        return accumulator.closed(self.files)

    def merge_accumulators(self, accumulators: Iterable[KeptImages]) -> KeptImages:
        """Concatenates names."""
        parts = [self.compact(accumulator) for accumulator in accumulators]
        return KeptImages(tuple(name for part in parts for name in part.names))

    def extract_output(self, accumulator: KeptImages) -> Values:
        """Metric key -> value; NaN where undefined; and the names of the files."""
        kept = self.compact(accumulator)
        return self.values(self._summary(kept)) | {self.images_key: kept.to_bytes()}

    def _summary(self, kept: KeptImages) -> CocoSummary | None:
        """COCO's numbers; None where a file holds no numbers."""
        images = KeptColumns.of_files(self.files, kept.names, len(self.class_names))
        if not images.has_only_numbers:
            _LOGGER.warning("no metrics: detections hold NaN or infinity")
        return summary_of(images, self.class_names, self.difficult)


metric_types.register_metric(ExactCOCO)
