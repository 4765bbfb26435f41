"""Stage: the exported model is loaded and asked as a server would, in a new process."""

import json
import logging
import os
import subprocess
import tempfile
from typing import Any

import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from components.baseline.component import IDENTITY_PROPERTY
from components.baseline.served_models import export_bytes
from components.serving_check import asked_images
from components.serving_check.budgets import budget_outcomes, line_of
from components.serving_check.config import ServingCheckConfig
from schemas import own_process
from schemas.config_json import from_json

_LOGGER = logging.getLogger(__name__)
FINDINGS_FILE = "findings.json"


@component
def ServingCheck(
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    baseline: InputArtifact[standard_artifacts.Model],
    serving_blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    serving_check_config: Parameter[str],
    source_digest: Parameter[str],
) -> None:
    """Blesses a model that `probe` finds nothing wrong with; keeps what it found.

    `baseline` is the model that serves, which budgets may be relative to.
    """
    del source_digest  # only there for the cache to see
    config = from_json(ServingCheckConfig, serving_check_config, "serving_check")
    pattern = io_utils.all_files_pattern(
        artifact_utils.get_split_uri([examples], "eval")
    )
    serves = bool(baseline.get_string_custom_property(IDENTITY_PROPERTY))
    findings = check(
        path_utils.serving_model_path(model.uri),
        pattern,
        config,
        served_dir=path_utils.serving_model_path(baseline.uri) if serves else "",
    )
    servable = not findings["problems"]
    io_utils.write_string_file(
        os.path.join(serving_blessing.uri, FINDINGS_FILE),
        json.dumps(findings, indent=2, sort_keys=True),
    )
    io_utils.write_string_file(
        os.path.join(
            serving_blessing.uri, "INFRA_BLESSED" if servable else "INFRA_NOT_BLESSED"
        ),
        "",
    )
    serving_blessing.set_int_custom_property("blessed", int(servable))
    _LOGGER.info("serving check: %s", line_of(findings))


def check(
    model_dir: str, pattern: str, config: ServingCheckConfig, served_dir: str = ""
) -> dict[str, Any]:
    """Asks the model and its export about the same images, and holds the budgets.

    `served_dir` is the model that serves, or "". The findings are as of `probe`, with
    `size_mib`, the ratios to the served model, and `budgets`, an outcome each.
    """
    files = sorted(tf.io.gfile.glob(pattern))
    compression = "GZIP" if files and files[0].endswith(".gz") else ""
    records = tf.data.TFRecordDataset(files, compression).take(asked_images.LOOKED_AT)
    asked = asked_images.choose((record.numpy() for record in records), config.images)
    with tempfile.TemporaryDirectory() as folder:
        asked_images.write_asked(folder, asked)
        for module in ("own_detections", "probe"):
            said, problem = _ask(module, [model_dir, folder], config)
            if problem:
                return {"problems": [problem], "images": 0, "ms_per_image": None}
        if served_dir and config.max_ms_ratio and not said["problems"]:
            beside, problem = _ask(
                "side_by_side", [model_dir, served_dir, folder], config
            )
            said["problems"] += [f"beside the served one: {problem}"] if problem else []
            said["ms_ratio"] = beside.get("ms_ratio")
    findings = said | _sizes(model_dir, served_dir)
    findings["budgets"] = budget_outcomes(findings, config, serves=bool(served_dir))
    over = (one["reason"] for one in findings["budgets"] if not one["passed"])
    findings["problems"] += over
    return findings


def _sizes(model_dir: str, served_dir: str) -> dict[str, float]:
    size = export_bytes(model_dir)
    sizes = {"size_mib": round(size / 2**20, 2)}
    if served_dir:
        sizes["size_ratio"] = round(size / export_bytes(served_dir), 3)
    return sizes


def _ask(
    module: str, words: list[str], config: ServingCheckConfig
) -> tuple[dict[str, Any], str]:
    """What a program of this room printed as JSON, and what is wrong if it failed."""
    program = own_process.command(f"components.serving_check.{module}")
    said, problem = _run([*program, *words], config.timeout_s)
    is_json = said and not problem and module != "own_detections"
    return json.loads(said.strip().splitlines()[-1]) if is_json else {}, problem


def _run(command: list[str], timeout_s: int) -> tuple[str, str]:
    """What a process printed, and what is wrong with the model where it failed.

    A model that cannot even be loaded is a finding, not a crash of this stage.
    """
    hidden = own_process.environment(
        CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow"
    )
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env=hidden,
        )
    except subprocess.TimeoutExpired:
        return "", f"the model does not load and answer within {timeout_s} s"
    if done.returncode:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return "", f"the model does not load or answer: {last_line}"
    return done.stdout, ""
