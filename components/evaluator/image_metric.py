"""TFMA's way out for what a model found: the columns of all images, as one value.

TFMA hands on numbers. What the gate asks (is the change more than chance, which
threshold is best) needs each image's detections, and a metric's value may be bytes.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import apache_beam as beam

# TFX comes before TFMA: it completes older releases of TFDV.
# isort: off
from tfx import v1 as _tfx  # noqa: F401
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
# isort: on

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.coco_metric import FEATURES, scored_image
from components.evaluator.image_columns import ImageColumns

METRIC_KEY = "image_columns"


class ImageColumnsOf(metric_types.Metric):
    """`image_columns`: `ImageColumns` of each model, as bytes.

    Args:
      class_names: as of `ExactCOCO`.
      name: of the metric.
    """

    def __init__(self, class_names: Sequence[str], name: str = METRIC_KEY) -> None:
        super().__init__(_computations, class_names=list(class_names), name=name)


def _computations(
    class_names: Sequence[str],
    model_names: Sequence[str] | None = None,
    name: str = METRIC_KEY,
    eval_config: config_pb2.EvalConfig | None = None,
) -> list[metric_types.MetricComputation]:
    del eval_config
    keys = [
        metric_types.MetricKey(name=name, model_name=model, example_weighted=False)
        for model in model_names or [""]
    ]
    return [
        metric_types.MetricComputation(
            keys=[key],
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=FEATURES)],
            combiner=CombineColumns(class_names, key),
        )
        for key in keys
    ]


@dataclasses.dataclass
class Gathered:
    """Columns of images, and images that are no columns yet."""

    columns: list[ImageColumns] = dataclasses.field(default_factory=list)
    images: list[ScoredImage] = dataclasses.field(default_factory=list)


class CombineColumns(beam.CombineFn):
    """TFMA's extracts of one model -> its columns, as bytes, by key."""

    def __init__(self, class_names: Sequence[str], key: metric_types.MetricKey) -> None:
        self.class_names = tuple(class_names)
        self.key = key

    def create_accumulator(self) -> Gathered:
        """No images."""
        return Gathered()

    def add_input(
        self, accumulator: Gathered, element: metric_types.StandardMetricInputs
    ) -> Gathered:
        """Takes one example's features and predictions."""
        predictions = element.get_predictions()
        if self.key.model_name and self.key.model_name in predictions:
            predictions = predictions[self.key.model_name]
        image = scored_image(element.get_features(), predictions, self.class_names)
        accumulator.images.append(image)
        return accumulator

    def compact(self, accumulator: Gathered) -> Gathered:
        """Columns take far less to ship than images do."""
        images = accumulator.images
        new = [ImageColumns.of_images(images)] if images else []
        return Gathered([*accumulator.columns, *new])

    def merge_accumulators(self, accumulators: Iterable[Gathered]) -> Gathered:
        """Concatenates."""
        parts = [self.compact(accumulator) for accumulator in accumulators]
        return Gathered([columns for part in parts for columns in part.columns])

    def extract_output(
        self, accumulator: Gathered
    ) -> dict[metric_types.MetricKey, bytes]:
        """The key -> all columns."""
        columns = self.compact(accumulator).columns or [ImageColumns.of_images([])]
        return {self.key: ImageColumns.merge(columns).to_bytes()}


metric_types.register_metric(ImageColumnsOf)
