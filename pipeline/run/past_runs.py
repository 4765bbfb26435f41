"""The runs of a root, as its metadata store has them."""

import dataclasses
import datetime
import json
import os
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
RECORD = "record"  # property of a run's entry: _KEPT as JSON
_KEPT = ("seconds", "metrics", "judged_on", "reasons")
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
      run: its number in the root, from 1 on.
      began: UTC, ISO 8601.
      seconds: that the run said it took; of one that did not get to its end, from the
        beginning of its first stage to the end of its last.
      data: the data set, and `span` of it.
      state: `pushed`, `refused`, or `unfinished` where a stage did not end well.
      stopped_in: the stage that an unfinished run got to, or "".
      metrics: split -> metric name -> value; none where no model was measured.
      judged_on: the split of the verdict, or "".
      reasons: the sentences of the verdict.
      refused_by: `gate` or `serving check`, or both, or "".
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
    refused_by: str = ""


_JUDGES = (
    ("gate", "DetectionEvaluator", "blessing"),
    ("serving check", "ServingCheck", "serving_blessing"),
)


def past_runs(root: str) -> list[PastRun]:
    """Every run of `root`, oldest first. Raises UserError where there is none."""
    store = open_store(metadata_path(root))
    return [
        past_run(store, run, number) for number, run in enumerate(runs_of(store), 1)
    ]


def runs_of(
    store: metadata_store.MetadataStore,
) -> list[metadata_store_pb2.Context]:
    """The runs of a store, oldest first."""
    return sorted(store.get_contexts_by_type("pipeline_run"), key=lambda run: run.id)


def keep_record(root: str, seconds: float) -> None:
    """Writes into the store what the newest run came to, and what it took in all.

    What `past_runs` tells of it is then no longer read from its outputs, so that it is
    the same when these are deleted, and the same as the run itself said.
    """
    store = open_store(metadata_path(root))
    runs = runs_of(store)
    newest = runs[-1]
    told = dataclasses.replace(past_run(store, newest, len(runs)), seconds=seconds)
    write_record(store, newest, told)


def write_record(
    store: metadata_store.MetadataStore,
    run: metadata_store_pb2.Context,
    told: PastRun,
) -> None:
    """Writes what is told of one run into its entry of the store."""
    kept = {name: getattr(told, name) for name in _KEPT}
    run.custom_properties[RECORD].string_value = json.dumps(kept)
    store.put_contexts([run])


def past_run(
    store: metadata_store.MetadataStore, run: metadata_store_pb2.Context, number: int
) -> PastRun:
    """What is told of one run of a store, the how manieth it is."""
    executions = executions_of(store, run.id)
    stages = {
        stage: PastStage(_HOW.get(one.last_known_state, "begun"), _seconds(one))
        for stage, one in executions.items()
    }
    unfinished = [s for s, one in stages.items() if one.how in ("failed", "begun")]
    outputs = {
        (stage, key): output
        for stage in (
            *(stage for _, stage, _ in _JUDGES),
            "ReportWriter",
            "ModelPusher",
        )
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
    found = PastRun(
        run=number,
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
        refused_by=" and the ".join(
            judge
            for judge, stage, key in _JUDGES
            if (stage, key) in outputs
            and outputs[stage, key].properties.get("blessed") == 0
        ),
    )
    if RECORD not in run.custom_properties:
        return found
    kept = json.loads(run.custom_properties[RECORD].string_value)
    kept["reasons"] = tuple(kept["reasons"])
    return dataclasses.replace(found, **kept)


def _said(output: OutputRecord | None, name: str) -> dict[str, Any]:
    """What a stage wrote as JSON; nothing where the file is not there any more."""
    if output is None or not os.path.isfile(os.path.join(output.uri, name)):
        return {}
    values: dict[str, Any] = read_json(output.uri, name)
    return values


def _seconds(execution: metadata_store_pb2.Execution) -> float:
    began, ended = (
        execution.create_time_since_epoch,
        execution.last_update_time_since_epoch,
    )
    return float(ended - began) / 1000


def _utc(milliseconds: int) -> str:
    when = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return when.isoformat(timespec="seconds")
