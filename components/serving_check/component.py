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

from components.serving_check import asked_images
from components.serving_check.config import ServingCheckConfig
from schemas import own_process
from schemas.config_json import from_json

_LOGGER = logging.getLogger(__name__)
FINDINGS_FILE = "findings.json"


@component
def ServingCheck(
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    serving_blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    serving_check_config: Parameter[str],
    source_digest: Parameter[str],
) -> None:
    """Blesses a model that `probe` finds nothing wrong with; keeps what it found."""
    del source_digest  # only there for the cache to see
    config = from_json(ServingCheckConfig, serving_check_config, "serving_check")
    pattern = io_utils.all_files_pattern(
        artifact_utils.get_split_uri([examples], "eval")
    )
    findings = check(path_utils.serving_model_path(model.uri), pattern, config)
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
    _LOGGER.info("serving check: %s", findings)


def check(model_dir: str, pattern: str, config: ServingCheckConfig) -> dict[str, Any]:
    """Asks the model and its export about the same images, and holds the budgets."""
    files = sorted(tf.io.gfile.glob(pattern))
    compression = "GZIP" if files and files[0].endswith(".gz") else ""
    records = tf.data.TFRecordDataset(files, compression).take(asked_images.LOOKED_AT)
    asked = asked_images.choose((record.numpy() for record in records), config.images)
    with tempfile.TemporaryDirectory() as folder:
        asked_images.write_asked(folder, asked)
        for module in ("own_detections", "probe"):
            program = own_process.command(f"components.serving_check.{module}")
            said, problem = _run([*program, model_dir, folder], config.timeout_s)
            if problem:
                return {"problems": [problem], "images": 0, "ms_per_image": None}
    findings: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    findings["problems"] += _over_budget(findings, config)
    return findings


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


def _over_budget(findings: dict[str, Any], config: ServingCheckConfig) -> list[str]:
    budgets = (
        ("ms_per_image", config.max_ms_per_image, "ms per image"),
        ("memory_mib", config.max_memory_mib, "MiB of memory"),
    )
    return [
        f"{findings[name]} {unit} are over the budget of {budget:g}"
        for name, budget, unit in budgets
        if budget is not None and findings.get(name) and findings[name] > budget
    ]
