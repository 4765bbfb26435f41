"""Pushes a model that the gate refused: by hand, with a reason that is kept.

RUN is the --root of a run on this machine (its newest run counts), or, where a cluster
made the model, the folder of the model itself, the one that holds saved_model.pb. A
model that the serving check found wanting is not pushed, whoever asks.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_because, destination_of, reason
from schemas.user_error import RefusedError, UserError

if TYPE_CHECKING:
    from components.baseline.push_record import PushRecord
    from pipeline.run.record import StageRecord

# What a model is blessed by: stages in the order they run, and their outputs.
_NEEDED = {
    "Trainer": {"model"},
    "DetectionEvaluator": {"evaluation_result", "blessing"},
    "ServingCheck": {"serving_blessing"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline bless`."""
    parser.add_argument(
        "run", metavar="RUN", help="a run's --root, or a model's folder"
    )
    parser.add_argument(
        "--push-destination", help="folder that is served (default: RUN/served)"
    )
    add_because(parser)


def run(args: argparse.Namespace) -> int:
    """Pushes the run's model with the override in its record."""
    from pipeline.run.console import quiet_libraries

    with quiet_libraries():
        return _push(args)


def _push(args: argparse.Namespace) -> int:
    from components.baseline.push import NotPushedError, push
    from components.baseline.served_models import baseline_identity

    because = reason(args.because)
    root = args.run
    destination = args.push_destination or os.path.join(root, "served")
    is_root = os.path.isfile(os.path.join(root, "metadata.sqlite"))
    model_path, record, images = _of_root(root) if is_root else _of_model(root, args)
    if not args.push_destination:
        os.makedirs(destination, exist_ok=True)
    destination = destination_of(destination)
    judged = baseline_identity(destination, own_digest="")
    record = dataclasses.replace(record, judged_against=judged, because=because)
    try:
        served = push(model_path, destination, record, images)
    except NotPushedError as error:
        raise RefusedError(f"not pushed: {error}") from error
    sys.stdout.write(f"version {served.version} serves: {served.path}\n")
    return ExitStatus.DONE


def _of_root(root: str) -> "tuple[str, PushRecord, bytes]":
    from components.pusher.run_record import judged_images_of_run, record_of_run
    from components.serving_check.component import FINDINGS_FILE
    from pipeline.run.record import latest_run, metadata_path, read_json

    stages = latest_run(metadata_path(root))
    for stage, outputs in _NEEDED.items():
        if stage not in stages:
            raise UserError(f"the newest run of {root} did not get to {stage}")
        if outputs - stages[stage].outputs.keys():
            raise UserError(
                f"{stage} of the newest run of {root} did not finish; the same "
                "`voc-pipeline run` goes on from there"
            )
    checked = stages["ServingCheck"].outputs["serving_blessing"].uri
    problems = read_json(checked, FINDINGS_FILE)["problems"]
    if problems:
        raise UserError(f"the serving check refuses this model: {problems[0]}")
    judged = stages["DetectionEvaluator"].outputs
    model = os.path.join(stages["Trainer"].outputs["model"].uri, "Format-Serving")
    evaluation = judged["evaluation_result"].uri
    record = record_of_run(
        model,
        judged_against="",
        evaluation_uri=evaluation,
        blessing_uri=judged["blessing"].uri,
        serving_uri=checked,
        fingerprint="",
        origin={"root": os.path.abspath(root), **_origin(stages)},
    )
    return model, record, judged_images_of_run(evaluation)


def _origin(stages: "Mapping[str, StageRecord]") -> dict[str, Any]:
    """What the run was made from, as its ModelPusher was told; {} if it got no such."""
    told = stages["ModelPusher"].parameters if "ModelPusher" in stages else {}
    if "origin" not in told:
        return {}
    named = {name: told[name] for name in ("data", "span")}
    return {**named, **json.loads(told["origin"])}


def _of_model(folder: str, args: argparse.Namespace) -> "tuple[str, PushRecord, bytes]":
    from components.baseline.folders import files_below

    if "saved_model.pb" not in files_below(folder):
        raise UserError(
            f"{folder} is neither the --root of a run nor a folder with saved_model.pb"
        )
    if not args.push_destination:
        raise UserError(f"{folder} is a model: say where to with --push-destination")
    from components.baseline.push_record import PushRecord
    from components.baseline.served_detector import require_comparable  # TensorFlow
    from components.baseline.served_models import ServedModel, model_digest

    require_comparable(ServedModel(0, folder, None))
    record = PushRecord(
        fingerprint="", judged_against="", model_digest=model_digest(folder)
    )
    return folder, record, b""
