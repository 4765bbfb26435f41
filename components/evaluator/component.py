"""Stage: exact metrics of candidate and baseline, and the verdict on the candidate."""

import dataclasses
import json
import logging
import os

import apache_beam as beam
from tfx import v1 as tfx  # noqa: F401  before TFMA: it completes older TFDV releases
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils
from tfx.v1.dsl.components import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
    component,
)

from components.baseline.component import IDENTITY_PROPERTY
from components.data_gate.judged_split import EVAL, TEST, judged_split
from components.evaluator import evaluation, gate
from components.evaluator.config import GateConfig
from components.evaluator.evidence import Judged, gather
from components.evaluator.judged_images import JUDGED_IMAGES_FILE, JudgedImages
from components.evaluator.score_thresholds import THRESHOLDS_FILE, best_thresholds
from schemas.config_json import from_json
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from trainer.input.undecodable import undecodable_named_after_beam

_LOGGER = logging.getLogger(__name__)
METRICS_FILE = "metrics.json"
VERDICT_FILE = "verdict.json"


@component(use_beam=True)
def DetectionEvaluator(
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    baseline: InputArtifact[standard_artifacts.Model],
    evaluation_result: OutputArtifact[standard_artifacts.ModelEvaluation],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    gate_config: Parameter[str],
    source_digest: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Measures on `eval` and, where there is one, `test`; the gate judges on one.

    The thresholds of the scores are found on `eval`, so that `test` stays unseen.

    Raises UserError that names an image which does not decode, and its file.
    """
    del source_digest  # only there for the cache to see
    config = from_json(GateConfig, gate_config, "gate")
    compared = bool(baseline.get_string_custom_property(IDENTITY_PROPERTY))
    names = artifact_utils.decode_split_names(examples.split_names)
    splits = [split for split in (EVAL, TEST) if split in names]
    class_names = LabelMap.from_file(
        os.path.join(examples.uri, LABEL_MAP_FILENAME)
    ).names
    judged = Judged(
        candidate_path=path_utils.serving_model_path(model.uri),
        served_path=path_utils.serving_model_path(baseline.uri) if compared else "",
    )
    outputs = {split: os.path.join(evaluation_result.uri, split) for split in splits}
    files = {
        split: io_utils.all_files_pattern(
            artifact_utils.get_split_uri([examples], split)
        )
        for split in splits
    }
    with undecodable_named_after_beam(*files.values()), beam_pipeline as pipeline:
        for split, output_path in outputs.items():
            _ = pipeline | f"Measure[{split}]" >> evaluation.EvaluateSplit(
                file_pattern=files[split],
                candidate_path=judged.candidate_path,
                baseline_path=judged.served_path,
                class_names=class_names,
                difficult=config.difficult,
                output_path=output_path,
            )
    results = {
        split: evaluation.read_result(path, class_names, compared=compared)
        for split, path in outputs.items()
    }
    metrics = {split: result.metrics for split, result in results.items()}
    _write_json(evaluation_result.uri, METRICS_FILE, evaluation.without_nan(metrics))
    # The images are read anew for each step, so that none holds those of another.
    thresholds = best_thresholds(
        results[EVAL].images(evaluation.CANDIDATE), class_names, config.difficult, EVAL
    )
    _write_json(evaluation_result.uri, THRESHOLDS_FILE, dataclasses.asdict(thresholds))
    split = judged_split(config.split, splits)
    path = os.path.join(evaluation_result.uri, JUDGED_IMAGES_FILE)
    with fileio.open(path, "wb") as sink:
        sink.write(
            JudgedImages(
                split=split,
                class_names=tuple(class_names),
                difficult=config.difficult,
                columns=results[split].columns(evaluation.CANDIDATE),
            ).to_bytes()
        )
    evidence = gather(config, judged, results[split], class_names, split)
    verdict = gate.decide(config, evidence)
    _write_json(blessing.uri, VERDICT_FILE, verdict.as_dict())
    # The file and the property are what TFX's own consumers of a blessing look for.
    name = "BLESSED" if verdict.blessed else "NOT_BLESSED"
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property("blessed", int(verdict.blessed))
    _LOGGER.info("%s: %s", name, "; ".join(verdict.reasons))


def _write_json(folder: str, name: str, value: object) -> None:
    fileio.makedirs(folder)
    text = json.dumps(value, indent=2, sort_keys=True)
    io_utils.write_string_file(os.path.join(folder, name), text)
