"""The compiled package made whole: what TFX's compiler leaves out for Kubeflow."""

import copy
import json
from typing import Any

from pipeline.on_kubeflow import vertex
from pipeline.on_kubeflow.entry import FIELD_PARAMETERS, LOCAL_FOLDERS
from pipeline.on_kubeflow.shown import SHOWN
from pipeline.on_kubeflow.stage_resources import KubeflowConfig, StageResources
from schemas.user_error import UserError

Spec = dict[str, Any]
# What a package is compiled for.
KFP, VERTEX = "kfp", "vertex"

# Parameters of stages that are parameters of the run: of every stage that has one.
_WHOLE_PARAMETERS = ("data", "span", "push_destination")
_EARLIER_STAGE = "EarlierVocExampleGen"  # its span is another
_FIELD_STAGES = {
    "train_steps": "Trainer",
    "min_map": "DetectionEvaluator",
    "min_ap50": "DetectionEvaluator",
}
_DESCRIPTIONS = {
    "data": "VOC data set: a folder or .tar, or a pattern with {SPAN}",
    "span": "span of such a pattern: a number or latest",
    "earlier_span": "span that drift is measured against",
    "push_destination": "folder of the numbered versions that are served",
    "train_steps": "length of the training; 0: as the preset says",
    "min_map": "least mAP of a model that is pushed, 0 to 1",
    "min_ap50": "least AP50 of a model that is pushed, 0 to 1",
}
# KFP 2.16's launcher lists an artifact's objects by bare prefix: who takes `model`
# would download `model_run` as well.
_RENAMED_OUTPUTS = {"model_run": "training_run"}


def check_store_path(option: str, path: str) -> None:
    """Refuses a path that a stage itself could not read or write.

    Raises:
      UserError: it names a store that TensorFlow or Beam has no file system for.
    """
    scheme, separator, _ = path.partition("://")
    if separator and scheme not in ("gs", "hdfs"):
        raise UserError(
            f"{option} {path}: stages read and write it themselves, and have no file "
            f"system for {scheme}://; name a gs:// path, or a folder on a volume that "
            "every stage mounts (--set kubeflow.volume_claim=NAME)"
        )


def check_root(root: str) -> None:
    """Refuses a pipeline root that KFP's launcher does not know.

    Raises:
      UserError: none of its schemes.
    """
    if not root.startswith(tuple(LOCAL_FOLDERS)):
        known = ", ".join(LOCAL_FOLDERS)
        raise UserError(f"--root {root}: KFP's launcher knows {known} only")


def completed(
    compiled: Spec, config: KubeflowConfig, *, target: str = KFP, root: str = ""
) -> tuple[Spec, Spec]:
    """The pipeline spec and the platform spec: the two documents of a package.

    Args:
      compiled: the pipeline spec as TFX's compiler made it.
      config: what the stages ask of the cluster.
      target: KFP or VERTEX, which has no platform spec.
      root: the pipeline root of a run that names none; Vertex alone takes it from here.
    """
    spec = copy.deepcopy(compiled)
    if root:
        spec["defaultPipelineRoot"] = root
    on_vertex = target == VERTEX
    tasks = spec["root"]["dag"]["tasks"]
    _rename_outputs(tasks, spec["components"])
    _offer_parameters(spec)
    platform: Spec = {}
    for stage, task in tasks.items():
        component = spec["components"][task["componentRef"]["name"]]
        label = component["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        outputs = component.get("outputDefinitions", {}).get("artifacts", {})
        tfx_names = {new: old for old, new in _RENAMED_OUTPUTS.items()}
        names = {key: tfx_names.get(key, key) for key in outputs}
        told = ["--outputs", json.dumps(names), *_show(stage, component)]
        container["args"] = [*told, *container["args"]]
        resources = config.of_stage(stage)
        asked = vertex.requests(resources) if on_vertex else _requests(resources)
        if asked:
            container["resources"] = asked
        if resources.retries:
            task["retryPolicy"] = _retries(resources)
        if not on_vertex and (on_pod := _pod(resources, config)):
            platform[label] = on_pod
    deployment = {"deploymentSpec": {"executors": platform}}
    return spec, {"platforms": {"kubernetes": deployment}} if platform else {}


def _rename_outputs(tasks: Spec, components: Spec) -> None:
    for component in components.values():
        artifacts = component.get("outputDefinitions", {}).get("artifacts", {})
        for old in _RENAMED_OUTPUTS.keys() & artifacts.keys():
            artifacts[_RENAMED_OUTPUTS[old]] = artifacts.pop(old)
    for task in tasks.values():
        for source in task.get("inputs", {}).get("artifacts", {}).values():
            taken = source["taskOutputArtifact"]
            key = taken["outputArtifactKey"]
            taken["outputArtifactKey"] = _RENAMED_OUTPUTS.get(key, key)


def _show(stage: str, component: Spec) -> list[str]:
    """Declares the output that KFP's UI draws of a stage; the option that makes it."""
    if stage not in SHOWN:
        return []
    name, kind, source = SHOWN[stage]
    artifacts = component["outputDefinitions"]["artifacts"]
    artifacts[name] = {"artifactType": {"schemaTitle": kind, "schemaVersion": "0.0.1"}}
    return ["--shown", json.dumps({name: source})]


def _offer_parameters(spec: Spec) -> None:
    """Makes what an operator changes a parameter of the run, with its default."""
    offered: Spec = {}
    tasks = spec["root"]["dag"]["tasks"]
    for stage, task in tasks.items():
        given = task.get("inputs", {}).get("parameters", {})
        for parameter in given.keys() & set(_WHOLE_PARAMETERS):
            is_earlier = stage == _EARLIER_STAGE and parameter == "span"
            name = "earlier_span" if is_earlier else parameter
            default = given[parameter]["runtimeValue"]["constant"]
            given[parameter] = {"componentInputParameter": name}
            offered[name] = ("STRING", default)
    for name, stage in _FIELD_STAGES.items():
        target, field = FIELD_PARAMETERS[name]
        given = tasks[stage]["inputs"]["parameters"]
        fields = json.loads(given[target]["runtimeValue"]["constant"])
        default = fields.get(field, 0 if name == "train_steps" else None)
        if default is None:
            continue  # a bound that the config does not set
        kind = "NUMBER_INTEGER" if name == "train_steps" else "NUMBER_DOUBLE"
        given[name] = {"componentInputParameter": name}
        component = spec["components"][tasks[stage]["componentRef"]["name"]]
        component["inputDefinitions"]["parameters"][name] = {"parameterType": kind}
        offered[name] = (kind, default)
    spec["root"]["inputDefinitions"] = {
        "parameters": {
            name: {
                "parameterType": kind,
                "defaultValue": default,
                "description": _DESCRIPTIONS[name],
            }
            for name, (kind, default) in offered.items()
        }
    }


def _requests(resources: StageResources) -> Spec:
    """A ResourceSpec; the fields that KFP's driver reads from 2.14 on."""
    requests: Spec = {}
    if resources.cpu:
        requests["resourceCpuRequest"] = str(resources.cpu)
    if resources.memory:
        # As much reserved as allowed: nothing else on the node ends the stage.
        requests["resourceMemoryRequest"] = str(resources.memory)
        requests["resourceMemoryLimit"] = str(resources.memory)
    if resources.accelerator:
        requests["accelerator"] = {
            "resourceType": resources.accelerator,
            "resourceCount": str(resources.accelerator_count),
        }
    return requests


def _retries(resources: StageResources) -> Spec:
    return {
        "maxRetryCount": resources.retries,
        "backoffDuration": f"{resources.retry_after_s}s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }


def _pod(resources: StageResources, config: KubeflowConfig) -> Spec:
    """A KubernetesExecutorConfig."""
    pod: Spec = {}
    if resources.timeout_s:
        pod["activeDeadlineSeconds"] = resources.timeout_s
    if resources.node_labels:
        labels = (label.split("=", 1) for label in resources.node_labels)
        pod["nodeSelector"] = {"labels": dict(labels)}
    if config.volume_claim:
        mount = {"constant": config.volume_claim, "mountPath": config.volume_path}
        name = {"runtimeValue": {"constant": config.volume_claim}}
        pod["pvcMount"] = [{**mount, "pvcNameParameter": name}]
    return pod
