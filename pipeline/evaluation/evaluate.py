"""One served version over examples, measured by what judges a candidate in a run."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.baseline.push_record import read_record
from components.baseline.served_detector import class_names, require_comparable
from components.baseline.served_models import ServedModel
from components.evaluator import evaluation
from components.evaluator.image_columns import ImageColumns
from components.evaluator.score_thresholds import ScoreThresholds, best_thresholds
from components.report import data_page, evaluated
from components.report.findings import CANDIDATE, Findings
from components.report.page_files import PAGE_FILE
from pipeline.beam.choice import BeamConfig, pipeline_args
from pipeline.evaluation.examples import Examples
from pipeline.evaluation.results_file import write_results
from pipeline.evaluation.whole_folder import whole_folder
from pipeline.prediction.detector import on_this_machine
from schemas.counted import listed
from schemas.user_error import UserError
from trainer.input.undecodable import undecodable_named_after_beam
from trainer.metrics.protocol import DifficultMode

TFMA_FOLDER = "tfma"  # there as soon as the model is asked
_SHOWN_IMAGES = 12


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
      model: path of the version; `split`: what the images are called.
      class_names: those of the model, and then those that only the data have: of
        these it finds none.
      metrics: as of `components.evaluator.coco_metric`; None where there is nothing to
        find.
      columns: every image with its objects and detections.
      thresholds: the least scores with the best F1 here.
      difficult: how objects flagged difficult counted.
    """

    model: str
    split: str
    class_names: tuple[str, ...]
    metrics: dict[str, float | None]
    columns: ImageColumns
    thresholds: ScoreThresholds
    difficult: DifficultMode

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "model": self.model,
            "split": self.split,
            "images": len(self.columns.image_ids),
            "objects": len(self.columns.gt_classes),
            "difficult": self.difficult,
            "metrics": self.metrics,
            "thresholds": dataclasses.asdict(self.thresholds),
        }


def measure(
    model: str, examples: Examples, difficult: DifficultMode, work: str
) -> Evaluation:
    """Runs the model over the examples; TFMA's files go into the folder `work`.

    Raises UserError where it is no detector of this program or shares no class with the
    data, and for an image that does not decode.
    """
    with on_this_machine(model) as path:
        require_comparable(ServedModel(0, path, None))
        known = class_names(path)
        if not set(known) & set(examples.class_names):
            raise UserError(
                f"{model} and the data share no class: the model knows "
                f"{listed(known)}; the data have {listed(examples.class_names)}"
            )
        names = _joined(known, examples.class_names)
        output = os.path.join(work, TFMA_FOLDER)
        os.makedirs(output, exist_ok=True)
        options = PipelineOptions(pipeline_args(BeamConfig()))
        with (
            undecodable_named_after_beam(examples.file_pattern),
            beam.Pipeline(options=options) as pipeline,
        ):
            _ = pipeline | evaluation.EvaluateSplit(
                file_pattern=examples.file_pattern,
                candidate_path=path,
                baseline_path="",
                class_names=names,
                difficult=difficult,
                output_path=output,
            )
    result = evaluation.read_result(output, names, compared=False)
    columns = result.columns(evaluation.CANDIDATE)
    return Evaluation(
        model=model,
        split=examples.split,
        class_names=names,
        metrics=evaluation.without_nan(result.metrics[evaluation.CANDIDATE]),
        columns=columns,
        thresholds=best_thresholds(columns, names, difficult, examples.split),
        difficult=difficult,
    )


def write_report(found: Evaluation, examples: Examples, data: str, folder: str) -> str:
    """Writes the page, ingest's beside it, and the detections; returns the page."""
    findings = Findings(
        title=f"{found.model} on {data}",
        class_names=found.class_names,
        difficult=found.difficult,
        split=found.split,
        metrics={found.split: {CANDIDATE: found.metrics}},
        columns={CANDIDATE: found.columns},
        thresholds=dataclasses.asdict(found.thresholds),
        facts=_facts(found.model, data, examples) | evaluated.machine_facts(),
    )
    with whole_folder(folder) as work:
        about_data = ""
        if examples.data_report:
            about_data = data_page.copy_beside(examples.data_report, work, PAGE_FILE)
        evaluated.write_page(
            findings,
            examples.file_pattern,
            work,
            num_images=_SHOWN_IMAGES,
            data=about_data,
        )
        write_results(work, found.columns, found.class_names)
    return os.path.join(folder, PAGE_FILE)


def _joined(first: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return (*first, *(name for name in more if name not in first))


def _facts(model: str, data: str, examples: Examples) -> dict[str, str]:
    record = read_record(model)
    origin = record.origin if record else {}
    facts = {
        "model": model,
        "pushed": record.pushed_at if record else "",
        "trained on": f"{origin.get('data', '')} {origin.get('span', '')}".strip(),
        "evaluated on": data,
        "its images": examples.headline,
        "its annotations": str(examples.reading or ""),
    }
    return {name: value for name, value in facts.items() if value}
