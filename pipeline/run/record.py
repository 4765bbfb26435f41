"""What a finished local run left in its metadata store."""

import dataclasses
import json
import os
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata


@dataclasses.dataclass(frozen=True)
class OutputRecord:
    """An output artifact: where it is, and its properties by name."""

    uri: str
    properties: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class StageRecord:
    """One stage of a run: whether its outputs were reused, and what they are."""

    reused: bool
    outputs: dict[str, OutputRecord]


def latest_run(metadata_path: str) -> dict[str, StageRecord]:
    """The stages of the newest run in a SQLite metadata store, by component id.

    No stages where no run has begun; one that did not finish has no outputs.
    The newest has the highest id, which the store counts up; the time of a run is what
    a clock said, and a clock may have been set back.
    """
    config = metadata.sqlite_metadata_connection_config(metadata_path)
    store = metadata_store.MetadataStore(config)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return {}
    newest = max(runs, key=lambda context: context.id)
    stages = {}
    for execution in store.get_executions_by_context(newest.id):
        (node,) = [
            context.name.partition(".")[2]
            for context in store.get_contexts_by_execution(execution.id)
            if context.type == "node"
        ]
        stages[node] = StageRecord(
            reused=execution.last_known_state == metadata_store_pb2.Execution.CACHED,
            outputs=_outputs(store, execution.id),
        )
    return stages


def _outputs(
    store: metadata_store.MetadataStore, execution_id: int
) -> dict[str, OutputRecord]:
    written = {
        event.artifact_id: event.path.steps[0].key
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    }
    return {
        written[artifact.id]: OutputRecord(artifact.uri, _properties(artifact))
        for artifact in store.get_artifacts_by_id(list(written))
    }


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    values = {**artifact.properties, **artifact.custom_properties}
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in values.items()
        if value.WhichOneof("value")
    }


def read_json(folder: str, name: str) -> Any:
    """What a stage wrote as JSON into an output's folder."""
    with open(os.path.join(folder, name)) as source:
        return json.load(source)
