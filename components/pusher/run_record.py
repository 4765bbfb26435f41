"""The record of a push, from what the stages of its run left."""

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx.dsl.io import fileio

from components.baseline.push_record import PushRecord
from components.baseline.served_models import model_digest
from components.evaluator.component import METRICS_FILE, VERDICT_FILE
from components.evaluator.evaluation import CANDIDATE
from components.evaluator.judged_images import JUDGED_IMAGES_FILE
from components.evaluator.score_thresholds import THRESHOLDS_FILE
from components.serving_check.component import FINDINGS_FILE

_HEADLINES = ("AP", "AP50")


def record_of_run(
    model_path: str,
    *,
    judged_against: str,
    evaluation_uri: str,
    blessing_uri: str,
    serving_uri: str,
    fingerprint: str,
    origin: Mapping[str, Any],
) -> PushRecord:
    """Reads metrics, verdict and thresholds; `origin` is kept as it is."""
    metrics = _read_json(evaluation_uri, METRICS_FILE)
    return PushRecord(
        fingerprint=fingerprint,
        model_digest=model_digest(model_path),
        judged_against=judged_against,
        metrics={
            split: {name: models[CANDIDATE][name] for name in _HEADLINES}
            for split, models in metrics.items()
        },
        verdict=_read_json(blessing_uri, VERDICT_FILE),
        serving=_read_json(serving_uri, FINDINGS_FILE),
        score_thresholds=_read_json(evaluation_uri, THRESHOLDS_FILE),
        origin=dict(origin),
    )


def judged_images_of_run(evaluation_uri: str) -> bytes:
    """The images of the judged split with what the model found, as they were kept."""
    with fileio.open(os.path.join(evaluation_uri, JUDGED_IMAGES_FILE), "rb") as source:
        content: bytes = source.read()
    return content


def _read_json(folder: str, name: str) -> Any:
    with fileio.open(os.path.join(folder, name)) as source:
        return json.load(source)
