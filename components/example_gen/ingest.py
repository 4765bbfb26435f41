"""The whole of ingest: data set in, TFRecords and a report out."""

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.example_gen import (
    output,
    progress,
    replay,
    shards,
    storage,
    tfrecord,
    transforms,
    workers,
)
from components.example_gen.assignment import Assignment, assign_splits
from components.example_gen.config import IngestConfig
from components.example_gen.findings import Finding
from components.example_gen.items import Plan
from components.example_gen.output import OutputDirs
from components.example_gen.planning import make_plan
from components.example_gen.publish import RunResult, publish
from components.example_gen.report import Report
from components.example_gen.spans import ResolvedData
from components.example_gen.tally import Tally
from schemas.user_error import UserError

_LOGGER = logging.getLogger(__name__)
# Below this, starting worker processes costs more than they save.
_FEW_IMAGES = 500


def local_pipeline(beam_args: tuple[str, ...] = ()) -> beam.Pipeline:
    """A pipeline on this machine, or wherever the arguments say."""
    named = any(argument.startswith("--runner") for argument in beam_args)
    default = () if named else ("--runner=FnApiRunner",)
    return beam.Pipeline(options=PipelineOptions([*default, *beam_args]))


def ingest(
    data: ResolvedData,
    dirs: OutputDirs,
    config: IngestConfig,
    pipeline: beam.Pipeline | None = None,
    replay_path: str = "",
) -> Report:
    """Checks and converts a data set; the report says what became of every object.

    Unusable input raises UserError. What is over budget is written and reported all
    the same: whether to go on is `report.check_budget`'s question.
    """
    entries = _list(data)
    plan = make_plan(
        entries,
        lambda ref: storage.read_bytes(ref, config.max_file_bytes),
        follow_symlinks=config.follow_symlinks,
    )
    _check_found(data, plan)
    assignment = assign_splits(plan, config)
    if replay_path:
        items = replay.only_rejected(assignment.items, replay_path)
        assignment = dataclasses.replace(assignment, items=items)
    job = shards.ShardJob(dirs.staging, config, assignment.fractions, assignment.forced)
    output.delete_tree(dirs.staging)
    shard_count = _run(assignment, job, pipeline)
    result = _read_result(dirs.staging, len(assignment.items), shard_count)
    report = publish(data, dirs, config, plan, assignment, result)
    output.delete_tree(dirs.staging)
    _LOGGER.info("ingest: %s", report.headline())
    return report


def _check_found(data: ResolvedData, plan: Plan) -> None:
    """UserError unless there are both annotations and images to pair up."""
    lacking = [
        what
        for what, files in (
            ("annotations (.xml)", [item.annotation for item in plan.items]),
            ("images", [item.image for item in plan.items]),
        )
        if not any(files)
    ]
    if lacking:
        raise UserError(
            f"{data.root} holds no {' and no '.join(lacking)}; name the directory "
            "that holds Annotations and JPEGImages, or XML beside images"
        )


def _list(data: ResolvedData) -> list[storage.Entry]:
    try:
        return storage.list_files(data.root)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{data.root} cannot be read: {reason}") from error


def _run(
    assignment: Assignment, job: shards.ShardJob, pipeline: beam.Pipeline | None
) -> int:
    """Runs the pipeline and returns the number of shards."""
    config = job.config
    elements = shards.make_shards(assignment.items, config.images_per_shard)
    processes = _processes(len(assignment.items), config)
    sizes = [len(items) for _, items in elements]
    with (
        progress.logged(f"{job.staging}/findings", sizes),
        _outside_causes_told(job.staging),
    ):
        tfrecord.make_directory(job.staging)
        try:
            with pipeline or local_pipeline() as running:
                transforms.build(running, elements, job, config.label_map, processes)
        finally:
            workers.close_shared_pools()
    return len(elements)


def _processes(images: int, config: IngestConfig) -> int:
    if config.processes:
        return config.processes
    return 1 if images < _FEW_IMAGES else len(os.sched_getaffinity(0))


@contextlib.contextmanager
def _outside_causes_told(staging: str) -> Iterator[None]:
    """A full disk or a killed worker is no defect of ours: one line will do."""
    try:
        yield
    except workers.WorkerDiedError as error:
        raise UserError(str(error).splitlines()[0]) from error
    except Exception as error:  # runners hand on what a worker raised as text only
        if "No space left on device" not in str(error):
            raise
        raise UserError(f"no space left on device for {staging}") from error


def _read_result(staging: str, images: int, shard_count: int) -> RunResult:
    summary = json.loads(_read_text(f"{staging}/{transforms.SUMMARY}"))
    tally = Tally.from_dict(summary["tally"])
    if tally.totals["images_in"] != images:
        raise RuntimeError(
            f"{images} images were planned and {tally.totals['images_in']} counted"
        )
    twins = _read_text(f"{staging}/{transforms.TWINS}").splitlines()
    return RunResult(
        tally=tally,
        files=tuple((split, index, count) for split, index, count in summary["files"]),
        twins=tuple(Finding.from_json(line) for line in twins),
        class_names=tuple(_read_text(f"{staging}/{transforms.LABELS}").splitlines()),
        shards=shard_count,
    )


def _read_text(path: str) -> str:
    with storage.open_read(path) as file:
        return file.read().decode("utf-8")
