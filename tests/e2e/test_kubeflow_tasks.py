"""Runs a compiled Kubeflow v2 package on this machine, task by task.

What stands in for the Kubeflow launcher here gives TFX's container entry point the
same executor input, and reads the same executor output, but runs it in this process.
"""

import json
import pathlib
from typing import Any

import yaml


def test_every_compiled_task_runs_through_the_kubeflow_entry_point(
    tiny_data, tiny_config, tmp_path
):
    from pipeline import runners
    from pipeline.config import RunPaths

    served = tmp_path / "served"
    paths = RunPaths(
        data=str(tiny_data), root=str(tmp_path / "root"), push_destination=str(served)
    )
    package = tmp_path / "pipeline.yaml"
    runners.compile_kubeflow(tiny_config, paths, str(package), image="image:1")

    outputs = _run_package(package, tmp_path / "artifacts")

    assert outputs["DetectionEvaluator"]["blessing"]["metadata"]["blessed"] == 1
    assert outputs["ModelPusher"]["pushed_model"]["metadata"]["pushed"] == 1
    (version,) = served.iterdir()
    assert (version / "saved_model.pb").exists()


def _run_package(
    package: pathlib.Path, root: pathlib.Path
) -> dict[str, dict[str, Any]]:
    """Runs every task after those it depends on.

    Returns task name -> output key -> artifact, as the executor output gives it.
    """
    spec = yaml.safe_load(package.read_text())
    tasks = spec["root"]["dag"]["tasks"]
    outputs: dict[str, dict[str, Any]] = {}
    waiting = dict(tasks)
    while waiting:
        ready = [
            name
            for name, task in waiting.items()
            if set(task.get("dependentTasks", [])) <= outputs.keys()
        ]
        for name in ready:
            outputs[name] = _run_task(spec, name, waiting.pop(name), outputs, root)
    return outputs


def _run_task(
    spec: dict[str, Any],
    name: str,
    task: dict[str, Any],
    outputs: dict[str, dict[str, Any]],
    root: pathlib.Path,
) -> dict[str, Any]:
    component = spec["components"][task["componentRef"]["name"]]
    folder = root / name / "1"
    output_file = folder / "executor_output.json"
    declared = {
        key: {
            "name": f"{name}-{key}",
            "uri": str(folder / key),
            "type": artifact["artifactType"],
            "metadata": artifact.get("metadata", {}),
        }
        for key, artifact in component.get("outputDefinitions", {})
        .get("artifacts", {})
        .items()
    }
    executor_input = {
        "inputs": _inputs(task, outputs),
        "outputs": {
            "artifacts": {key: {"artifacts": [a]} for key, a in declared.items()},
            "outputFile": str(output_file),
        },
    }
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]][
        "container"
    ]
    arguments = [
        argument.replace("{{$}}", json.dumps(executor_input))
        for argument in container["args"]
    ]
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    kubeflow_v2_run_executor.main(
        kubeflow_v2_run_executor._parse_flags(["run_executor", *arguments])
    )
    written = json.loads(output_file.read_text())["artifacts"]
    return {
        key: {**artifact, **written[key]["artifacts"][0], "type": artifact["type"]}
        for key, artifact in declared.items()
    }


def _inputs(task: dict[str, Any], outputs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    declared = task.get("inputs", {})
    artifacts = {}
    for key, source in declared.get("artifacts", {}).items():
        channel = source["taskOutputArtifact"]
        produced = outputs[channel["producerTask"]][channel["outputArtifactKey"]]
        artifacts[key] = {"artifacts": [produced]}
    parameters = {
        key: value["runtimeValue"]["constant"]
        for key, value in declared.get("parameters", {}).items()
    }
    return {"artifacts": artifacts, "parameterValues": parameters}
