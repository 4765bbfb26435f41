"""Runs a compiled package as KFP's driver and launcher do, with the stages in here.

What they do is the table in `kfp_behaviour.py`. Nothing reaches a stage but its command
line, and the files that the launcher would have downloaded.
"""

import json
import pathlib
import shutil
import uuid
from typing import Any

import yaml
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp_behaviour import Behaviour
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from object_store import BUCKET, Bucket

from pipeline.on_kubeflow import entry

ROOT = f"minio://{BUCKET}/v2/artifacts"
_KINDS = {
    "STRING": str,
    "NUMBER_INTEGER": int | float,
    "NUMBER_DOUBLE": int | float,
}


class StandIn:
    """One run of one package.

    Args:
      package: the YAML file.
      behaviour: of the KFP version.
      bucket: where artifacts lie between stages.
      store: where their metadata lie.
      local: stands for the pod's `/`; `entry.LOCAL_FOLDERS` must name it.
      logs: whether the cluster publishes the stages' logs.
    """

    def __init__(
        self,
        package: pathlib.Path,
        behaviour: Behaviour,
        bucket: Bucket,
        store: MetadataStore,
        local: pathlib.Path,
        logs: bool = True,
    ):
        self.spec = next(yaml.safe_load_all(package.read_text()))
        self.behaviour = behaviour
        self.bucket = bucket
        self.store = store
        self.local = local
        self.logs = logs
        self.recorded: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        self.calls: dict[str, dict[str, Any]] = {}

    def run(self, **parameters: Any) -> dict[str, Any]:
        """Runs every task after those it depends on; returns all parameters' values."""
        root = self.spec["root"]
        declared = root["inputDefinitions"]["parameters"]
        unknown = parameters.keys() - declared.keys()
        assert not unknown, f"the package has no parameter {unknown}"
        defaults = {name: given["defaultValue"] for name, given in declared.items()}
        values = {**defaults, **parameters}
        waiting = dict(root["dag"]["tasks"])
        done: set[str] = set()
        while waiting:
            ready = [n for n, t in waiting.items() if set(_upstream(t)) <= done]
            for name in ready:
                self.run_task(name, waiting.pop(name), values)
                done.add(name)
        return values

    def run_task(self, name: str, task: dict[str, Any], values: dict[str, Any]) -> None:
        """Driver, launcher, stage, launcher."""
        component = self.spec["components"][task["componentRef"]["name"]]
        self.calls[name] = self.executor_input(name, task, component, values)
        self.launch(name)

    def launch(self, name: str) -> None:
        """A pod: launcher, stage, launcher; a retry starts one more, as it was told."""
        arguments = self.start(name)
        status = entry.main(arguments)
        assert status == 0, f"{name} failed"
        output_file = pathlib.Path(self.calls[name]["outputs"]["outputFile"])
        self.publish(name, self.calls[name], output_file)

    def start(self, name: str) -> list[str]:
        """What the launcher does before the stage starts; the stage's arguments."""
        task = self.spec["root"]["dag"]["tasks"][name]
        component = self.spec["components"][task["componentRef"]["name"]]
        executors = self.spec["deploymentSpec"]["executors"]
        container = executors[component["executorLabel"]]["container"]
        call = self.calls[name]
        shutil.rmtree(self.local, ignore_errors=True)  # a pod of its own
        self.download(call)
        for output in call["outputs"]["artifacts"].values():
            self._path(output["artifacts"][0]["uri"]).parent.mkdir(
                parents=True, exist_ok=True
            )
        output_file = pathlib.Path(call["outputs"]["outputFile"])
        output_file.unlink(missing_ok=True)
        module = "pipeline.on_kubeflow.entry"
        assert container["command"] == ["python", "-P", "-m", module]
        return [text.replace("{{$}}", json.dumps(call)) for text in container["args"]]

    def executor_input(
        self,
        name: str,
        task: dict[str, Any],
        component: dict[str, Any],
        values: dict[str, Any],
    ) -> dict[str, Any]:
        """What the driver writes for the stage."""
        inputs = task.get("inputs", {})
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        given = {}
        for key, source in inputs.get("parameters", {}).items():
            value = (
                values[source["componentInputParameter"]]
                if "componentInputParameter" in source
                else source["runtimeValue"]["constant"]
            )
            kind = declared[key]["parameterType"]
            assert isinstance(value, _KINDS[kind]), f"{name}.{key}: {value!r}: {kind}"
            assert not isinstance(value, bool), f"{name}.{key}: a bool for {kind}"
            given[key] = float(value) if isinstance(value, int) else value
        artifacts = {}
        for key, source in inputs.get("artifacts", {}).items():
            taken = source["taskOutputArtifact"]
            producer = (taken["producerTask"], taken["outputArtifactKey"])
            artifacts[key] = {"artifacts": [self._input(*producer)]}
        task_root = f"{ROOT}/{self.spec['pipelineInfo']['name']}/run/{name}/"
        task_root += str(uuid.uuid4())
        outputs = {
            key: {
                "name": key,
                "uri": f"{task_root}/{key}",
                "type": artifact["artifactType"],
            }
            for key, artifact in component["outputDefinitions"]["artifacts"].items()
        }
        if self.logs:
            outputs["executor-logs"] = {
                "name": "executor-logs",
                "uri": f"{task_root}/executor-logs",
                "type": {"schemaTitle": "system.Artifact"},
            }
        at_task = self.behaviour.output_file == "task"
        folder = self._path(task_root) if at_task else self.local / "tmp/kfp_outputs"
        return {
            # protojson leaves an empty map out
            "inputs": {
                key: told
                for key, told in (("parameterValues", given), ("artifacts", artifacts))
                if told
            },
            "outputs": {
                "artifacts": {key: {"artifacts": [a]} for key, a in outputs.items()},
                "outputFile": str(folder / "output_metadata.json"),
            },
        }

    def record(
        self,
        task: str,
        key: str,
        uri: str,
        kind: dict[str, Any],
        metadata: struct_pb2.Struct,
    ) -> None:
        """Puts an output into the metadata store."""
        text = kind.get("instanceSchema") or f"title: {kind['schemaTitle']}"
        kind_id = self.store.put_artifact_type(
            metadata_store_pb2.ArtifactType(name=yaml.safe_load(text)["title"])
        )
        artifact = metadata_store_pb2.Artifact(type_id=kind_id, uri=uri)
        for name, value in metadata.fields.items():
            artifact.custom_properties[name].CopyFrom(_to_mlmd(value))
        artifact.custom_properties["display_name"].string_value = key
        artifact.custom_properties["store_session_info"].string_value = "{}"
        (artifact_id,) = self.store.put_artifacts([artifact])
        self.recorded[task, key] = (artifact_id, kind)

    def files(self, task: str) -> dict[str, bytes]:
        """What lies in the store of a task's outputs, by output and path."""
        found = {}
        for key, output in self.calls[task]["outputs"]["artifacts"].items():
            prefix = output["artifacts"][0]["uri"].removeprefix(f"minio://{BUCKET}/")
            for path, content in self.bucket.content(prefix).items():
                found[key + path] = content
        return found

    def metadata(self, task: str, key: str) -> dict[str, Any]:
        """What the metadata store holds of an output."""
        return self._input(task, key)["metadata"]

    def _path(self, uri: str) -> pathlib.Path:
        return self.local / "minio" / uri.removeprefix("minio://")

    def _input(self, task: str, key: str) -> dict[str, Any]:
        artifact_id, kind = self.recorded[task, key]
        (artifact,) = self.store.get_artifacts_by_id([artifact_id])
        typed = {
            "empty": {"instanceSchema": ""},
            "title": {"schemaTitle": kind.get("instanceSchema")},
        }
        return {
            "name": str(artifact_id),
            "uri": artifact.uri,
            "type": typed[self.behaviour.input_type],
            "metadata": {
                name: _from_mlmd(value)
                for name, value in artifact.custom_properties.items()
            },
        }

    def download(self, call: dict[str, Any]) -> None:
        """What the launcher does before the stage starts."""
        for given in call["inputs"].get("artifacts", {}).values():
            uri = given["artifacts"][0]["uri"]
            prefix = uri.removeprefix(f"minio://{BUCKET}/")
            for key in self.bucket.keys(prefix):
                inside = key == prefix or key.startswith(prefix + "/")
                if inside or self.behaviour.listing == "prefix":
                    self.bucket.download(key, self._path(f"minio://{BUCKET}/{key}"))

    def publish(
        self, name: str, call: dict[str, Any], output_file: pathlib.Path
    ) -> None:
        """What the launcher does when the stage has ended well."""
        told = pipeline_spec_pb2.ExecutorOutput()
        json_format.Parse(output_file.read_text(), told)  # strictly, as protojson
        for key, output in call["outputs"]["artifacts"].items():
            (artifact,) = output["artifacts"]
            uri, metadata = artifact["uri"], struct_pb2.Struct()
            if key in told.artifacts and key != "executor-logs":
                merged = told.artifacts[key].artifacts[0]
                uri, metadata = merged.uri or uri, merged.metadata
            self._upload(f"{name}.{key}", uri)
            self.record(name, key, uri, artifact["type"], metadata)

    def _upload(self, what: str, uri: str) -> None:
        assert uri.startswith(f"{ROOT}/"), f"{what} is said to lie at {uri}"
        path = self._path(uri)
        if not path.exists():
            strict = self.behaviour.missing_output == "error"
            assert not strict or what.endswith("executor-logs"), f"{what} is missing"
            return
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file():
                key = file.relative_to(self.local / "minio" / BUCKET).as_posix()
                self.bucket.upload(file, key)


def _upstream(task: dict[str, Any]) -> list[str]:
    return task.get("dependentTasks", [])


def _to_mlmd(value: struct_pb2.Value) -> metadata_store_pb2.Value:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return metadata_store_pb2.Value(string_value=value.string_value)
    if kind == "number_value":
        return metadata_store_pb2.Value(double_value=value.number_value)
    if kind == "bool_value":
        return metadata_store_pb2.Value(int_value=int(value.bool_value))
    wrapped = {"list_value": "list", "struct_value": "struct"}
    assert kind in wrapped, f"unknown/unsupported value type {kind}"
    result = metadata_store_pb2.Value()
    result.struct_value.fields[wrapped[kind]].CopyFrom(value)
    return result


def _from_mlmd(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        return json_format.MessageToDict(value.struct_value)
    number = kind in ("int_value", "double_value")
    return float(getattr(value, kind)) if number else getattr(value, kind)
