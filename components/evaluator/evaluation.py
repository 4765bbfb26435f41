"""TFMA with the exact COCO metric: candidate and baseline on the same examples."""

import base64
import dataclasses
import json
import math
import os
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tfx_bsl.public import tfxio

from components.evaluator.asked_by_name import asked_by_name
from components.evaluator.coco_metric import IMAGES_KEY, metric_key_names
from components.evaluator.image_columns import ImageColumns
from components.evaluator.kept_columns import KeptColumns
from components.evaluator.kept_images import ImageFiles

SIGNATURE = "serving_tf_example"
CANDIDATE = "candidate"
BASELINE = "baseline"
# Images a model sees at once. TFMA's own batching grows to 1,000 examples, which for
# images and dense anchors is more memory than a worker has.
_IMAGES_PER_BATCH = 8
# Of the images with what each model found, beside TFMA's files.
_IMAGES = "images"


def eval_config(
    class_names: Sequence[str],
    difficult: str,
    images_folder: str,
    *,
    has_baseline: bool,
) -> tfma.EvalConfig:
    """Which models TFMA runs and which metrics it computes for each."""
    specs = [tfma.ModelSpec(name=CANDIDATE)]
    if has_baseline:
        specs.append(tfma.ModelSpec(name=BASELINE, is_baseline=True))
    for spec in specs:
        spec.model_type = "tf_generic"
        spec.signature_name = SIGNATURE
    settings = {
        "class_names": list(class_names),
        "difficult": difficult,
        "images_folder": images_folder,
    }
    metrics = [
        tfma.MetricConfig(
            module="components.evaluator.coco_metric",
            class_name="ExactCOCO",
            config=json.dumps(settings),
        )
    ]
    return tfma.EvalConfig(
        model_specs=specs,
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        slicing_specs=[tfma.SlicingSpec()],
    )


@dataclasses.dataclass
class EvaluateSplit(beam.PTransform):
    """Pipeline -> TFMA results under `output_path`, for all examples of one split.

    Attributes:
      file_pattern: the split's TFRecord files of tf.Examples with images.
      candidate_path: SavedModel under judgement.
      baseline_path: SavedModel that serves now, or "".
      class_names: the classes that count, by name; models may number them as they
        like.
      difficult: `ignore`, `crowd` or `plain`.
      output_path: folder for TFMA's files.
    """

    file_pattern: str
    candidate_path: str
    baseline_path: str
    class_names: Sequence[str]
    difficult: str
    output_path: str

    def expand(self, pipeline: beam.Pipeline) -> beam.pvalue.PDone:
        """Reads, runs both models, merges, writes."""
        config = eval_config(
            self.class_names,
            self.difficult,
            os.path.join(self.output_path, _IMAGES),
            has_baseline=bool(self.baseline_path),
        )
        paths = {CANDIDATE: self.candidate_path, BASELINE: self.baseline_path}
        models = [
            asked_by_name(
                tfma.default_eval_shared_model(
                    eval_saved_model_path=paths[spec.name],
                    model_name=spec.name,
                    eval_config=config,
                ),
                SIGNATURE,
            )
            for spec in config.model_specs
        ]
        source = tfxio.TFExampleRecord(
            file_pattern=self.file_pattern,
            raw_record_column_name=tfma.ARROW_INPUT_COLUMN,
        )
        return (
            pipeline
            | "ReadExamples" >> source.BeamSource(batch_size=_IMAGES_PER_BATCH)
            | "Evaluate"
            >> tfma.ExtractEvaluateAndWriteResults(
                eval_config=config,
                eval_shared_model=models,
                output_path=self.output_path,
            )
        )


@dataclasses.dataclass(frozen=True)
class SplitResult:
    """What TFMA found on one split, by model: CANDIDATE and, if measured, BASELINE.

    Attributes:
      metrics: metric name -> value over all examples.
      files, names: where the images are, and in which files.
      num_classes: that count.
    """

    metrics: dict[str, dict[str, float]]
    files: ImageFiles
    names: dict[str, list[str]]
    num_classes: int

    def columns(self, model: str) -> ImageColumns:
        """Every image with its objects and detections, read at each call."""
        return self.files.read(self.names[model])

    def images(self, model: str) -> KeptColumns:
        """The same, left in the files, of which a part is read at a time."""
        return KeptColumns.of_files(self.files, self.names[model], self.num_classes)


def read_result(
    output_path: str, class_names: Sequence[str], *, compared: bool
) -> SplitResult:
    """Reads TFMA's files.

    Args:
      output_path: what `EvaluateSplit` wrote.
      class_names: that it was asked about.
      compared: whether a baseline was measured too. Where it was not, TFMA drops the
        candidate's name.
    """
    written = {CANDIDATE: CANDIDATE, BASELINE: BASELINE}
    if not compared:
        written = {CANDIDATE: ""}
    files = ImageFiles(os.path.join(output_path, _IMAGES))
    metrics, names = {}, {}
    for name, written_as in written.items():
        result = tfma.load_eval_result(output_path, model_name=written_as or None)
        # A split without images has no slice, not even the overall one.
        values = dict(result.get_metrics_for_all_slices().get((), {}))
        kept = values.pop(IMAGES_KEY, None)
        names[name] = json.loads(base64.b64decode(kept["bytesValue"])) if kept else []
        metrics[name] = dict.fromkeys(metric_key_names(class_names), math.nan) | {
            key: float(value["doubleValue"]) for key, value in values.items()
        }
    return SplitResult(metrics, files, names, len(class_names))


def without_nan(metrics: Any) -> Any:
    """The same tree of numbers with None for NaN, which JSON does not have."""
    if isinstance(metrics, dict):
        return {name: without_nan(value) for name, value in metrics.items()}
    return None if math.isnan(metrics) else metrics
