"""Stage: one page and one picture about the run."""

import io
import json
import os
from typing import Any

from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils, path_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from components.evaluator.component import METRICS_FILE, VERDICT_FILE
from components.report import detections, page
from components.serving_check.component import FINDINGS_FILE
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from trainer.training.learning_curves import CURVES_FILE, HISTORY_FILE

PAGE_FILE = "report.html"
PICTURE_FILE = "detections.png"


@component
def ReportWriter(
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    evaluation_result: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    serving_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    report: OutputArtifact[simple_artifacts.File],
    title: Parameter[str],
    num_images: Parameter[int],
    min_score: Parameter[float],
    source_digest: Parameter[str],
) -> None:
    """Gathers what the other stages found, and draws what the model sees.

    `report` is a folder that holds `report.html`, `detections.png` and the training's
    `learning_curves.png` and `history.csv`.
    """
    del source_digest  # only there for the cache to see
    label_map = LabelMap.from_file(os.path.join(examples.uri, LABEL_MAP_FILENAME))
    findings = page.RunFindings(
        metrics=_read_json(evaluation_result.uri, METRICS_FILE),
        verdict=_read_json(blessing.uri, VERDICT_FILE),
        serving=_read_json(serving_blessing.uri, FINDINGS_FILE),
        class_names=label_map.names,
    )
    split_uri = artifact_utils.get_split_uri([examples], "eval")
    sheet = detections.detection_sheet(
        path_utils.serving_model_path(model.uri),
        io_utils.all_files_pattern(split_uri),
        num_images,
        min_score,
    )
    encoded = io.BytesIO()
    sheet.save(encoded, format="PNG")
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, PICTURE_FILE), "wb") as sink:
        sink.write(encoded.getvalue())
    for name in (CURVES_FILE, HISTORY_FILE):
        training = os.path.join(model_run.uri, name)
        fileio.copy(training, os.path.join(report.uri, name))
    with fileio.open(os.path.join(report.uri, CURVES_FILE), "rb") as source:
        curves = source.read()
    text = page.render(findings, encoded.getvalue(), curves, title)
    io_utils.write_string_file(os.path.join(report.uri, PAGE_FILE), text)


def _read_json(folder: str, name: str) -> dict[str, Any]:
    with fileio.open(os.path.join(folder, name)) as source:
        return json.load(source)
