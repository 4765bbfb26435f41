"""From the Evaluator's files to what a page is about, and the page's folder."""

import csv
import dataclasses
import io
import json
import os
import platform
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.evaluator import evaluation
from components.evaluator.component import METRICS_FILE
from components.evaluator.image_columns import ImageColumns
from components.evaluator.score_thresholds import THRESHOLDS_FILE
from components.report.detections import detection_sheet
from components.report.findings import CANDIDATE, SERVED, Findings, Metrics
from components.report.image_events import image_events
from components.report.page import render
from components.report.page_files import PAGE_FILE, PICTURE_FILE
from components.report.pictures import read_images

MOST_PAGE_BYTES = 10_000_000  # what a browser opens at once
_MODELS = {evaluation.CANDIDATE: CANDIDATE, evaluation.BASELINE: SERVED}


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What the Evaluator measured; as `Findings` has it."""

    metrics: dict[str, dict[str, Metrics]]
    columns: dict[str, ImageColumns]
    thresholds: dict[str, Any]


def read_evaluated(folder: str, class_names: Sequence[str], split: str) -> Evaluated:
    """Reads an artifact of DetectionEvaluator; the images are those of one split."""
    metrics = read_json(folder, METRICS_FILE)
    compared = evaluation.BASELINE in metrics[split]
    result = evaluation.read_result(
        os.path.join(folder, split), class_names, compared=compared
    )
    return Evaluated(
        metrics={
            name: {_MODELS[model]: values for model, values in models.items()}
            for name, models in metrics.items()
        },
        columns={_MODELS[model]: result.columns(model) for model in result.names},
        thresholds=read_json(folder, THRESHOLDS_FILE),
    )


def write_page(
    findings: Findings, file_pattern: str, folder: str, *, num_images: int, data: str
) -> None:
    """Writes `report.html` and `detections.png` into a folder.

    Args:
      findings: what the page says.
      file_pattern: TFRecord files of the split that it is about.
      folder: that is written into.
      num_images: on the sheet of detections.
      data: file name of the page about the data, in the same folder; or "".
    """
    is_sound = findings.columns[CANDIDATE].has_only_numbers
    events = image_events(findings) if is_sound else []
    worst_first = [image.image_id for image in events]
    images = read_images(file_pattern, worst_first)
    text = render(findings, events, images, data_page=data)
    beyond = len(text.encode()) - MOST_PAGE_BYTES
    if beyond > 0:
        text = render(findings, events, images.lighter_by(beyond), data_page=data)
    fileio.makedirs(folder)
    io_utils.write_string_file(os.path.join(folder, PAGE_FILE), text)
    encoded = io.BytesIO()
    detection_sheet(findings, file_pattern, num_images).save(encoded, format="PNG")
    with fileio.open(os.path.join(folder, PICTURE_FILE), "wb") as sink:
        sink.write(encoded.getvalue())


def read_history(path: str) -> list[dict[str, float]]:
    """The rows of a training's `history.csv`; numbers that a row lacks are left out."""
    with fileio.open(path) as source:
        rows = list(csv.DictReader(io.StringIO(source.read())))
    return [{name: float(cell) for name, cell in row.items() if cell} for row in rows]


def machine_facts() -> dict[str, str]:
    """On what this is computed, by what."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "libraries": f"Python {platform.python_version()}, TensorFlow {tf.__version__}",
    }


def read_json(folder: str, name: str) -> dict[str, Any]:
    """What a stage wrote as JSON into its folder."""
    with fileio.open(os.path.join(folder, name)) as source:
        return json.load(source)
