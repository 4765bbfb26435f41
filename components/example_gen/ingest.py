"""The whole of ingest: data set in, TFRecords and a report out."""

import contextlib
import dataclasses
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from components.example_gen.config import IngestConfig
from components.example_gen.output import directories as output
from components.example_gen.output import progress
from components.example_gen.output.directories import OutputDirs
from components.example_gen.output.ingest_report import Report
from components.example_gen.output.publish import RunResult, publish
from components.example_gen.shards import shard as shards
from components.example_gen.shards import workers
from components.example_gen.shards.plan_files import ShardPlan, write_plan
from components.example_gen.shards.staging import (
    StagedFile,
    claim,
    require_claimed,
)
from components.example_gen.shards.tally import Tally
from components.example_gen.source import storage
from components.example_gen.source.finding import Finding
from components.example_gen.source.spans import ResolvedData
from schemas.label_map import LabelMap
from schemas.user_error import UserError

if TYPE_CHECKING:  # 4 s, which pass while the plan is made
    import apache_beam as beam

_LOGGER = logging.getLogger(__name__)
# Below this, starting worker processes costs more than they save.
_FEW_IMAGES = 500


def local_pipeline(beam_args: tuple[str, ...] = ()) -> "beam.Pipeline":
    """A pipeline on this machine, or wherever the arguments say."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    named = any(argument.startswith("--runner") for argument in beam_args)
    default = () if named else ("--runner=FnApiRunner",)
    return beam.Pipeline(options=PipelineOptions([*default, *beam_args]))


def ingest(
    data: ResolvedData,
    dirs: OutputDirs,
    config: IngestConfig,
    make_pipeline: Callable[[], "beam.Pipeline"] = local_pipeline,
    replay_path: str = "",
) -> Report:
    """Checks and converts a data set; the report says what became of every object.

    Unusable input raises UserError. What is over budget is written and reported all
    the same: whether to go on is `report.check_budget`'s question.
    """
    output.delete_tree(dirs.staging)
    run_id = uuid.uuid4().hex
    staging = f"{dirs.staging}/{run_id}"
    with _outside_causes_told(dirs.staging):
        plan, pipeline = _plan(data.root, staging, config, replay_path, make_pipeline)
        decided = dataclasses.replace(config, corners=plan.corners.convention)
        claim(staging, run_id, decided)
        job = shards.ShardJob(staging, run_id, decided, plan.fractions, plan.forced)
        _run(plan, job, pipeline)
    require_claimed(staging, run_id, decided)
    report = publish(data, dirs, config, plan, _read_result(staging, plan))
    output.delete_tree(dirs.staging)
    for line in report.details["warnings"]:
        _LOGGER.warning("ingest: %s", line)
    _LOGGER.info("ingest: %s", report.corners_line())
    _LOGGER.info("ingest: %s", report.split_line())
    _LOGGER.info("ingest: %s", report.headline())
    return report


def _plan(
    root: str,
    staging: str,
    config: IngestConfig,
    replay_path: str,
    make_pipeline: Callable[[], "beam.Pipeline"],
) -> tuple[ShardPlan, "beam.Pipeline"]:
    """Plans in a process of its own while this one makes the pipeline.

    Listing takes some 3 KB per image, which a process that lives on would keep, and
    importing Beam takes seconds. Remote data are listed through Beam's filesystems:
    those need it imported, and set up as it is here.
    """
    arguments = (root, config, staging, replay_path)
    if storage.is_remote(root) or storage.is_remote(staging):
        return write_plan(*arguments), make_pipeline()
    planner = workers.WorkerPool(1)
    try:
        planned = planner.submit(write_plan, *arguments)
        pipeline = make_pipeline()
        return planned.result(), pipeline
    finally:
        planner.close()


def _run(plan: ShardPlan, job: shards.ShardJob, pipeline: "beam.Pipeline") -> None:
    from components.example_gen import transforms  # imports Beam

    config = job.config
    processes = _processes(plan.images, config)
    with progress.logged(f"{job.staging}/results", plan.shard_sizes):
        try:
            with pipeline as running:
                transforms.build(
                    running, len(plan.shard_sizes), job, config.label_map, processes
                )
        finally:
            workers.close_shared_pools()


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


def _read_result(staging: str, plan: ShardPlan) -> RunResult:
    summary = json.loads(_read_text(f"{staging}/{shards.SUMMARY}"))
    tally = Tally.from_dict(summary["tally"])
    if tally.totals["images_in"] != plan.images:
        raise RuntimeError(
            f"{plan.images} images planned, {tally.totals['images_in']} counted"
        )
    labels = _read_text(f"{staging}/{shards.LABELS}")
    twins = _read_text(f"{staging}/{shards.TWINS}").splitlines()
    return RunResult(
        staging=staging,
        tally=tally,
        files=tuple((index, StagedFile(*file)) for index, file in summary["files"]),
        twins=tuple(Finding.from_json(line) for line in twins),
        class_names=LabelMap.from_text(labels, "label map").names if labels else (),
    )


def _read_text(path: str) -> str:
    with storage.open_read(path) as file:
        return file.read().decode("utf-8")
