"""What a finished local run left in its metadata store."""

import dataclasses
import json
import os
from collections.abc import Iterable
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from schemas.user_error import UserError

METADATA_FILE = "metadata.sqlite"


@dataclasses.dataclass(frozen=True)
class OutputRecord:
    """An output artifact: where it is, and its properties by name."""

    uri: str
    properties: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class StageRecord:
    """One stage of a run: whether its outputs were reused, what they are, and of what.

    `parameters` are those of its component, by name.
    """

    reused: bool
    outputs: dict[str, OutputRecord]
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)


def metadata_path(root: str) -> str:
    """The SQLite metadata store of a local pipeline root."""
    return os.path.join(root, METADATA_FILE)


def open_store(metadata_path: str) -> metadata_store.MetadataStore:
    """A local run's metadata store; UserError where there is none."""
    if not os.path.isfile(metadata_path):
        raise UserError(
            f"{os.path.dirname(metadata_path)} holds no run ({METADATA_FILE} is not "
            "there); name the --root of one"
        )
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = metadata_path
    config.sqlite.connection_mode = (
        metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE
    )
    return metadata_store.MetadataStore(config)


def latest_run(metadata_path: str) -> dict[str, StageRecord]:
    """The stages of the newest run in a SQLite metadata store, by component id.

    No stages where no run has begun; one that did not finish has no outputs.
    The newest has the highest id, which the store counts up; the time of a run is what
    a clock said, and a clock may have been set back.
    """
    if not os.path.isfile(metadata_path):
        return {}
    store = open_store(metadata_path)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return {}
    newest = max(runs, key=lambda context: context.id)
    return {
        stage: StageRecord(
            reused=execution.last_known_state == metadata_store_pb2.Execution.CACHED,
            outputs=outputs_of(store, execution.id),
            parameters=_properties(execution),
        )
        for stage, execution in executions_of(store, newest.id).items()
    }


def executions_of(
    store: metadata_store.MetadataStore, run_id: int
) -> dict[str, metadata_store_pb2.Execution]:
    """The executions of one run, by component id, in the order of their beginning."""
    found = {}
    executions = store.get_executions_by_context(run_id)
    for execution in sorted(executions, key=lambda execution: execution.id):
        (node,) = [
            context.name.partition(".")[2]
            for context in store.get_contexts_by_execution(execution.id)
            if context.type == "node"
        ]
        found[node] = execution
    return found


def newest_ingest(stages: Iterable[str]) -> str:
    """VocExampleGen, or that of the newest span of a window, VocExampleGen-8; or "".

    By the number: stages run in alphabetical order, 10 before 9.
    """
    names = [name for name in stages if name.partition("-")[0] == "VocExampleGen"]
    return max(names, key=lambda name: int(name.partition("-")[2] or 0), default="")


def outputs_of(
    store: metadata_store.MetadataStore, execution_id: int
) -> dict[str, OutputRecord]:
    """What an execution wrote or reused, by the output's name."""
    written = {
        event.artifact_id: event.path.steps[0].key
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    }
    return {
        written[artifact.id]: OutputRecord(artifact.uri, _properties(artifact))
        for artifact in store.get_artifacts_by_id(list(written))
    }


def _properties(
    of: metadata_store_pb2.Artifact | metadata_store_pb2.Execution,
) -> dict[str, Any]:
    values = {**of.properties, **of.custom_properties}
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in values.items()
        if value.WhichOneof("value")
    }


def read_json(folder: str, name: str) -> Any:
    """What a stage wrote as JSON into an output's folder."""
    with open(os.path.join(folder, name)) as source:
        return json.load(source)
