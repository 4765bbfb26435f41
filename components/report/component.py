"""Stage: one page about the run, with the page about its data beside it."""

import json
import os
from typing import Any

from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from components.evaluator.component import VERDICT_FILE
from components.evaluator.config import SliceFloor
from components.report import data_page, evaluated
from components.report.findings import Findings
from components.report.page_files import PAGE_FILE
from components.serving_check.component import FINDINGS_FILE
from schemas.config_json import from_mapping
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from trainer.training.learning_curves import CURVES_FILE, HISTORY_FILE


@component
def ReportWriter(
    examples: InputArtifact[standard_artifacts.Examples],
    data_report: InputArtifact[simple_artifacts.File],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    evaluation_result: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    serving_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    report: OutputArtifact[simple_artifacts.File],
    data: Parameter[str],
    span: Parameter[str],
    origin: Parameter[str],
    num_images: Parameter[int],
    min_score: Parameter[float],
    source_digest: Parameter[str],
) -> None:
    """Gathers what the other stages found; it asks no model anything.

    `report` is a folder that holds `report.html`, `data.html`, `detections.png` and the
    training's `learning_curves.png` and `history.csv`. `data`, `span` and `origin`,
    JSON, say what the run was made from.
    """
    del source_digest  # only there for the cache to see
    names = LabelMap.from_file(os.path.join(examples.uri, LABEL_MAP_FILENAME)).names
    verdict = evaluated.read_json(blessing.uri, VERDICT_FILE)
    split = verdict["split"]
    found = evaluated.read_evaluated(evaluation_result.uri, names, split)
    config = json.loads(origin)
    findings = Findings(
        title=config["name"],
        class_names=names,
        difficult=config["gate"]["difficult"],
        split=split,
        metrics=found.metrics,
        columns=found.columns,
        thresholds=found.thresholds,
        verdict=verdict,
        serving=evaluated.read_json(serving_blessing.uri, FINDINGS_FILE),
        history=evaluated.read_history(os.path.join(model_run.uri, HISTORY_FILE)),
        facts=_facts(data, span, config) | evaluated.machine_facts(),
        slices=[
            from_mapping(SliceFloor, floor, "gate.slices")
            for floor in config["gate"].get("slices", ())
        ],
        config={part: config[part] for part in ("ingest", "trainer", "gate")},
        min_score=min_score,
    )
    split_uri = artifact_utils.get_split_uri([examples], split)
    evaluated.write_page(
        findings,
        io_utils.all_files_pattern(split_uri),
        report.uri,
        num_images=num_images,
        data=data_page.copy_beside(data_report.uri, report.uri, PAGE_FILE),
    )
    for name in (CURVES_FILE, HISTORY_FILE):
        training = os.path.join(model_run.uri, name)
        fileio.copy(training, os.path.join(report.uri, name), overwrite=True)


def _facts(data: str, span: str, config: dict[str, Any]) -> dict[str, str]:
    facts = {
        "data": data,
        "span": " ".join(config.get("window") or [span]),
        "digest of the data": config["data_digest"],
        "digest of the code": config["code_digest"],
        "digest of the weights it starts from": config["weights_digest"],
        "seed": str(config["trainer"]["seed"]),
    }
    return {name: value for name, value in facts.items() if value}
