"""What a stage's container runs on Kubeflow: TFX's own entry point, on local folders.

    python -P -m pipeline.on_kubeflow.entry --outputs JSON [--shown JSON]
        [what TFX's entry takes]

KFP's driver names artifacts by their URI in the store. Its launcher has downloaded
every input to a local folder before, and uploads what lies in the outputs' folders
after. TFX would open the URIs itself, so it is told the folders instead; then every
root that KFP has works, and no stage needs a file system for it.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from pipeline.on_kubeflow.shown import show
from schemas.user_error import RefusedError, UserError, user_error_in

# Where the launcher keeps what lies under each scheme (KFP's LocalPathForURI).
LOCAL_FOLDERS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
# A run's parameter -> the JSON parameter of its stage, and the field there, it sets.
FIELD_PARAMETERS = {
    "train_steps": ("train_args", "num_steps"),
    "min_map": ("gate_config", "min_map"),
    "min_ap50": ("gate_config", "min_ap50"),
}
# The Trainer's and Tuner's JSON parameter, and the field there, that names a folder.
_CHECKPOINTS = ("custom_config", "checkpoint_dir")
_CALL = "--json_serialized_invocation_args"


def local_folder(uri: str) -> str:
    """Where the launcher downloads a URI to, and uploads it from."""
    for scheme, folder in LOCAL_FOLDERS.items():
        if uri.startswith(scheme):
            return folder + uri.removeprefix(scheme)
    known = ", ".join(LOCAL_FOLDERS)
    raise UserError(f"{uri}: a pipeline root starts with one of {known}")


def checkpoint_folder(root: str, output_uri: str) -> str:
    """Where a stage of a run keeps its checkpoints: the same for each of its pods.

    Args:
      root: of the checkpoints of all runs.
      output_uri: ROOT/PIPELINE/RUN/TASK/SALT/NAME, as KFP's driver makes it.
    """
    run, task = output_uri.rsplit("/", 4)[1:3]
    return f"{root.rstrip('/')}/{run}-{task}"


def call_for_tfx(
    call: dict[str, Any], inputs_spec: dict[str, Any], outputs: dict[str, str]
) -> dict[str, Any]:
    """What the driver wrote, as TFX's entry point can read it.

    Args:
      call: KFP's ExecutorInput as JSON.
      inputs_spec: the component's ComponentInputsSpec; the driver leaves the inputs'
        types out, or names them in a form of its own.
      outputs: name in the package -> name in TFX of every output that the component
        declares. The driver adds others, such as `executor-logs`.
    """
    inputs = call.get("inputs", {})
    artifacts = {
        key: [
            {
                **artifact,
                "uri": local_folder(artifact["uri"]),
                "type": inputs_spec["artifacts"][key]["artifactType"],
            }
            for artifact in given.get("artifacts", [])
        ]
        for key, given in inputs.get("artifacts", {}).items()
    }
    produced = {
        name: [
            {**artifact, "uri": local_folder(artifact["uri"])}
            for artifact in call["outputs"]["artifacts"][key]["artifacts"]
        ]
        for key, name in outputs.items()
    }
    return {
        **call,
        "inputs": {
            **inputs,
            "artifacts": _lists(artifacts),
            "parameterValues": _with_checkpoints(
                _with_fields(inputs.get("parameterValues", {})),
                call["outputs"]["artifacts"],
            ),
        },
        "outputs": {
            **call["outputs"],
            "artifacts": _lists(produced),
            "outputFile": _local(call["outputs"]["outputFile"]),
        },
    }


def told_to_launcher(
    told: dict[str, Any], call: dict[str, Any], outputs: dict[str, str]
) -> dict[str, Any]:
    """What TFX wrote of its outputs, with the driver's names and URIs."""
    artifacts = {}
    for key, name in outputs.items():
        given = call["outputs"]["artifacts"][key]["artifacts"]
        written = told.get("artifacts", {}).get(name, {}).get("artifacts", [])
        artifacts[key] = [
            {**artifact, "uri": asked["uri"]}
            for artifact, asked in zip(written, given, strict=True)
        ]
    return {**told, "artifacts": _lists(artifacts)}


def shown_outputs(
    call: dict[str, Any], shown: dict[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """The artifacts that are for KFP's UI, with their files where they belong.

    Args:
      call: what the driver wrote.
      shown: output -> the file it is made of, as OUTPUT/PATH of another output.
    """
    outputs = call["outputs"]["artifacts"]
    artifacts = {}
    for key, place in shown.items():
        name, _, path = place.partition("/")
        source = local_folder(outputs[name]["artifacts"][0]["uri"])
        (asked,) = outputs[key]["artifacts"]
        metadata = show(f"{source}/{path}", local_folder(asked["uri"]))
        artifacts[key] = [{"name": key, "uri": asked["uri"], "metadata": metadata}]
    return artifacts


def run(arguments: Sequence[str]) -> None:
    """Runs the stage that the arguments name; its outputs then lie where KFP looks."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--outputs", type=json.loads, required=True)
    parser.add_argument("--shown", type=json.loads, default={})
    parser.add_argument(_CALL, type=json.loads, required=True, dest="call")
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    args, others = parser.parse_known_args(arguments)
    inputs_spec = json.loads(args.json_serialized_inputs_spec_args)
    call = call_for_tfx(args.call, inputs_spec, args.outputs)
    for given in call["outputs"]["artifacts"].values():
        for artifact in given["artifacts"]:
            os.makedirs(artifact["uri"], exist_ok=True)  # TFX's local runner does
    from absl import logging as absl_logging
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor as tfx

    absl_logging.use_absl_handler()
    spec = ["--json_serialized_inputs_spec_args", args.json_serialized_inputs_spec_args]
    told_tfx = [_CALL, json.dumps(call), *spec, *others]
    tfx.main(tfx._parse_flags(told_tfx))
    path = call["outputs"]["outputFile"]
    with open(path, encoding="utf-8") as source:
        told = told_to_launcher(json.load(source), args.call, args.outputs)
    told["artifacts"].update(_lists(shown_outputs(args.call, args.shown)))
    with open(path, "w", encoding="utf-8") as sink:
        json.dump(told, sink)
    _forget_checkpoints(call["inputs"]["parameterValues"])


def main(arguments: Sequence[str]) -> int:
    """Exit status as the command line has it: 0, 1 refused, 2 bad input, 70 a defect.

    What was refused, or is for the user to mend, is the log's last line.
    """
    try:
        run(arguments)
    except Exception as error:  # ends the process below, with its reason as last line
        mistake = user_error_in(error)
        if mistake is None:
            traceback.print_exc()
            return 70
        sys.stderr.write(f"voc-pipeline: {mistake}\n")
        return 1 if isinstance(mistake, RefusedError) else 2
    return 0


def _local(path: str) -> str:
    """KFP names the metadata file by its path, Vertex AI perhaps by its URI."""
    return local_folder(path) if "://" in path else path


def _lists(artifacts: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {key: {"artifacts": items} for key, items in artifacts.items()}


def _with_fields(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, with those of FIELD_PARAMETERS moved into their JSON."""
    moved = dict(parameters)
    for name, (target, field) in FIELD_PARAMETERS.items():
        if name in moved:
            value = moved.pop(name)
            whole = isinstance(value, float) and value.is_integer()
            fields = json.loads(moved[target])
            fields[field] = int(value) if whole else value
            moved[target] = json.dumps(fields)
    return moved


def _with_checkpoints(
    parameters: dict[str, Any], outputs: dict[str, Any]
) -> dict[str, Any]:
    """The parameters, with the stage's own folder for the root of all checkpoints."""
    name, field = _CHECKPOINTS
    fields = json.loads(parameters.get(name) or "null") or {}
    if not fields.get(field):
        return parameters
    uri = next(iter(outputs.values()))["artifacts"][0]["uri"]
    fields[field] = checkpoint_folder(fields[field], uri)
    return {**parameters, name: json.dumps(fields)}


def _forget_checkpoints(parameters: dict[str, Any]) -> None:
    """Removes those of a stage that is done."""
    from tfx.dsl.io import fileio

    name, field = _CHECKPOINTS
    folder = (json.loads(parameters.get(name) or "null") or {}).get(field)
    if folder and fileio.exists(folder):
        fileio.rmtree(folder)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # The libraries underneath crash now and then as the interpreter takes them down,
    # when all is written: KFP would call the finished stage failed.
    os._exit(status)
