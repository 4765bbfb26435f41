"""The runs of a root, as its metadata store has them, and how old ones are deleted."""

import dataclasses
import datetime
import json
import os
import shutil
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.run.record import (
    OutputRecord,
    executions_of,
    metadata_path,
    newest_ingest,
    open_store,
    outputs_of,
    read_json,
)

_Execution = metadata_store_pb2.Execution
_LEARNING = ("Tuner", "Trainer")
_HOW = {
    _Execution.NEW: "begun",
    _Execution.RUNNING: "begun",
    _Execution.COMPLETE: "ran",
    _Execution.CACHED: "reused",
    _Execution.FAILED: "failed",
    _Execution.CANCELED: "failed",
}


@dataclasses.dataclass(frozen=True)
class PastStage:
    """What became of one stage: `ran`, `reused`, `failed` or only `begun`."""

    how: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class PastRun:
    """One run of a root.

    Attributes:
      run: its number in the root, counted up.
      began: UTC, ISO 8601; `seconds`: from there to the end of its last stage.
      data: the data set, and `span` of it.
      state: `pushed`, `refused`, or `unfinished` where a stage did not end well.
      stopped_in: the stage that an unfinished run got to, or "".
      metrics: split -> metric name -> value, as far as the files are still there.
      judged_on: the split of the verdict, or "".
      reasons: the sentences of the verdict.
      pushed: the version that came to serve, or "".
      report: the folder of the run's pages, or "".
      stages: component id -> what became of it.
    """

    run: int
    began: str
    seconds: float
    data: str
    span: str
    state: str
    stopped_in: str
    metrics: dict[str, dict[str, float | None]]
    judged_on: str
    reasons: tuple[str, ...]
    pushed: str
    report: str
    stages: dict[str, PastStage]


def past_runs(root: str) -> list[PastRun]:
    """Every run of `root`, oldest first. Raises UserError where there is none."""
    store = open_store(metadata_path(root))
    return [_past_run(store, context) for context in _runs(store)]


def delete_old_runs(root: str, keep: int) -> tuple[list[int], int]:
    """Deletes what only runs before the newest `keep` use, and finished checkpoints.

    Their output folders, logs and the checkpoints of trainings that ended; what a
    kept run made or reused stays. The store keeps the old runs' entries, and learns
    that their outputs are gone, so that nothing reuses them. Nobody may be running in
    `root`.

    Returns:
      The numbers of the runs that lost something, and the bytes that are free now.
    """
    store = open_store(metadata_path(root))
    runs = _runs(store)
    kept = runs[-keep:]
    needed = {
        _place(artifact.uri)
        for run in kept
        for artifact in store.get_artifacts_by_context(run.id)
    }
    lost, freed = [], 0
    for run in runs[:-keep]:
        gone = [
            artifact
            for artifact in store.get_artifacts_by_context(run.id)
            if _place(artifact.uri) not in needed
            and artifact.state == metadata_store_pb2.Artifact.LIVE
        ]
        # First nobody reuses them, then they go: a kill in between loses no run.
        for artifact in gone:
            artifact.state = metadata_store_pb2.Artifact.DELETED
        store.put_artifacts(gone)
        folders = {artifact.uri for artifact in gone}
        folders |= {
            folder
            for folder in _folders_of(root, executions_of(store, run.id))
            if _place(folder) not in needed
        }
        sizes = [_delete(folder, root) for folder in folders]
        freed += sum(sizes)
        lost += [run.id] if any(sizes) else []
    freed += sum(_delete(path, root) for path in _done_with(store, root, runs, keep))
    return lost, freed


def _runs(
    store: metadata_store.MetadataStore,
) -> list[metadata_store_pb2.Context]:
    return sorted(store.get_contexts_by_type("pipeline_run"), key=lambda run: run.id)


def _past_run(
    store: metadata_store.MetadataStore, run: metadata_store_pb2.Context
) -> PastRun:
    executions = executions_of(store, run.id)
    stages = {
        stage: PastStage(_HOW.get(one.last_known_state, "begun"), _seconds(one))
        for stage, one in executions.items()
    }
    unfinished = [s for s, one in stages.items() if one.how in ("failed", "begun")]
    outputs = {
        (stage, key): output
        for stage in ("DetectionEvaluator", "ReportWriter", "ModelPusher")
        if stage in executions
        for key, output in outputs_of(store, executions[stage].id).items()
    }
    verdict = _said(outputs.get(("DetectionEvaluator", "blessing")), "verdict.json")
    evaluated = outputs.get(("DetectionEvaluator", "evaluation_result"))
    pusher = outputs.get(("ModelPusher", "pushed_model"))
    pushed = pusher.properties.get("pushed_destination", "") if pusher else ""
    pages = outputs.get(("ReportWriter", "report"))
    ended = "ModelPusher" in executions and not unfinished
    ends = [one.last_update_time_since_epoch for one in executions.values()]
    told = executions.get(newest_ingest(executions), metadata_store_pb2.Execution())
    return PastRun(
        run=run.id,
        began=_utc(run.create_time_since_epoch),
        seconds=max(0.0, (max(ends, default=0) - run.create_time_since_epoch) / 1000),
        data=told.custom_properties["data"].string_value,
        span=told.custom_properties["span"].string_value,
        state=("pushed" if pushed else "refused") if ended else "unfinished",
        stopped_in=unfinished[-1] if unfinished else "",
        metrics={
            split: found["candidate"]
            for split, found in _said(evaluated, "metrics.json").items()
        },
        judged_on=verdict.get("split", ""),
        reasons=tuple(verdict.get("reasons", ())),
        pushed=pushed.rstrip("/").rpartition("/")[2],
        report=pages.uri if pages else "",
        stages=stages,
    )


def _said(output: OutputRecord | None, name: str) -> dict[str, Any]:
    """What a stage wrote as JSON; nothing where the file is not there any more."""
    if output is None or not os.path.isfile(os.path.join(output.uri, name)):
        return {}
    values: dict[str, Any] = read_json(output.uri, name)
    return values


def _place(folder: str) -> tuple[str, ...]:
    """Stage, output and execution of an output's folder: its path below the root.

    The root itself may have been called otherwise then, by a link to it.
    """
    return tuple(folder.rstrip("/").split("/")[-3:])


def _folders_of(
    root: str, executions: dict[str, metadata_store_pb2.Execution]
) -> set[str]:
    """Where stages wrote, also those that were killed before they told the store."""
    return {
        os.path.join(root, stage, output, str(execution.id))
        for stage, execution in executions.items()
        if os.path.isdir(os.path.join(root, stage))
        for output in os.listdir(os.path.join(root, stage))
        if not output.startswith(".")
    }


def _done_with(
    store: metadata_store.MetadataStore,
    root: str,
    runs: list[metadata_store_pb2.Context],
    keep: int,
) -> list[str]:
    """Checkpoints of trainings that ended, and logs from before the kept runs.

    A training goes on if it is of a kept run, or if all runs since were broken off
    before they got to theirs.
    """
    kept = runs[-keep:]
    stages_of = {run.id: executions_of(store, run.id) for run in kept}
    for run in reversed(runs[:-keep]):
        if any(stage in one for one in stages_of.values() for stage in _LEARNING):
            break
        stages_of[run.id] = executions_of(store, run.id)
    going_on = {
        _checkpoints(executions[stage])
        for executions in stages_of.values()
        for stage in _LEARNING
        if stage in executions
        if not _has_trained(executions)
    }
    folder = os.path.join(root, "checkpoints")
    done = [
        os.path.join(folder, name)
        for name in (os.listdir(folder) if os.path.isdir(folder) else ())
        if name not in going_on
    ]
    logs = os.path.join(root, "logs")
    first = kept[0].create_time_since_epoch / 1000
    done += [
        path
        for name in (os.listdir(logs) if os.path.isdir(logs) else ())
        for path in [os.path.join(logs, name)]
        if os.path.getmtime(path) < first
    ]
    return done


def _has_trained(executions: dict[str, metadata_store_pb2.Execution]) -> bool:
    trainer = executions.get("Trainer", metadata_store_pb2.Execution())
    return trainer.last_known_state in (_Execution.COMPLETE, _Execution.CACHED)


def _checkpoints(execution: metadata_store_pb2.Execution) -> str:
    """Name of the folder of a training's checkpoints."""
    config = json.loads(execution.custom_properties["custom_config"].string_value)
    return os.path.basename(config["checkpoint_dir"])


def _delete(path: str, root: str) -> int:
    """Deletes a file or folder within the root; returns its size in bytes."""
    inside = os.path.realpath(path).startswith(os.path.realpath(root) + os.sep)
    if not inside or not os.path.exists(path):
        return 0
    if os.path.isfile(path):
        size = os.path.getsize(path)
        os.unlink(path)
        return size
    size = sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(path)
        for name in names
    )
    shutil.rmtree(path)
    return size


def _seconds(execution: metadata_store_pb2.Execution) -> float:
    began, ended = (
        execution.create_time_since_epoch,
        execution.last_update_time_since_epoch,
    )
    return float(ended - began) / 1000


def _utc(milliseconds: int) -> str:
    when = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return when.isoformat(timespec="seconds")
