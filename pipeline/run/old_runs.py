"""How old runs of a root are deleted: all but what is told of them."""

import json
import os
import re
import shutil

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.config import is_digest
from pipeline.run.past_runs import RECORD, past_run, runs_of, write_record
from pipeline.run.record import executions_of, metadata_path, open_store

_Execution = metadata_store_pb2.Execution
_LEARNING = ("Tuner", "Trainer")
_LOG = re.compile(r"run-\d{8}-\d{6}\.log")  # as pipeline.local_run names it


def delete_old_runs(root: str, keep: int) -> tuple[list[int], int]:
    """Deletes what only runs before the newest `keep` use, and finished checkpoints.

    Their output folders, logs and the checkpoints of trainings that ended; what a
    kept run made or reused stays. The store keeps the old runs' entries with their
    metrics, and learns that their outputs are gone, so that nothing reuses them.
    Nobody may be running in `root`.

    Returns:
      The numbers of the runs that lost something, and the bytes that are free now.
    """
    store = open_store(metadata_path(root))
    runs = runs_of(store)
    if not runs:  # one was broken off as it made the store
        return [], 0
    kept = runs[-keep:]
    needed = {
        _place(artifact.uri)
        for run in kept
        for artifact in store.get_artifacts_by_context(run.id)
    }
    lost, freed = [], 0
    for number, run in enumerate(runs[:-keep], 1):
        gone = [
            artifact
            for artifact in store.get_artifacts_by_context(run.id)
            if _place(artifact.uri) not in needed
            and artifact.state == metadata_store_pb2.Artifact.LIVE
        ]
        if gone and RECORD not in run.custom_properties:
            write_record(store, run, past_run(store, run, number))
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
        lost += [number] if any(sizes) else []
    freed += sum(_delete(path, root) for path in _done_with(store, root, runs, keep))
    return lost, freed


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

    What has other names is not ours: the root may have been a folder before.

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
        if name not in going_on and is_digest(name)
    ]
    logs = os.path.join(root, "logs")
    first = kept[0].create_time_since_epoch / 1000
    done += [
        path
        for name in (os.listdir(logs) if os.path.isdir(logs) else ())
        for path in [os.path.join(logs, name)]
        if _LOG.fullmatch(name) and os.path.getmtime(path) < first
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
