"""The whole of ingest: data set in, TFRecords and a report out."""

import contextlib
import dataclasses
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from components.example_gen.config import IngestConfig
from components.example_gen.local_run import run_shards
from components.example_gen.output import directories as output
from components.example_gen.output import progress
from components.example_gen.output.directories import OutputDirs
from components.example_gen.output.ingest_report import Report
from components.example_gen.output.publish import RunResult, publish
from components.example_gen.shards import shard as shards
from components.example_gen.shards import workers
from components.example_gen.shards.plan_files import (
    ShardPlan,
    keep_classes,
    kept_classes,
    write_plan,
)
from components.example_gen.shards.staging import (
    StagedFile,
    claim,
    require_claimed,
)
from components.example_gen.shards.tally import Tally
from components.example_gen.source import lost_store, remote, storage
from components.example_gen.source.spans import ResolvedData
from schemas.user_error import UserError

if TYPE_CHECKING:  # 4 s, which pass while the plan is made
    import apache_beam as beam

_LOGGER = logging.getLogger(__name__)
# Below this, starting worker processes costs more than they save.
_FEW_IMAGES = 500
_WAITING = 16  # threads of a worker whose files come from a store
# Root of the data set, config, staging folder, path of a replay.
_PlanArguments = tuple[str, IngestConfig, str, str]


# DirectRunner looks for Beam's Go runner on the network first; this one is in Python.
_LOCAL = ("--runner=FnApiRunner",)


def pipeline_with(beam_args: Sequence[str] = _LOCAL) -> "beam.Pipeline":
    """A pipeline on this machine, or wherever the arguments say."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    return beam.Pipeline(options=PipelineOptions(list(beam_args)))


def ingest(
    data: ResolvedData,
    dirs: OutputDirs,
    config: IngestConfig,
    make_pipeline: Callable[[], "beam.Pipeline"] | None = None,
    replay_path: str = "",
) -> Report:
    """Checks and converts a data set; the report says what became of every object.

    Without `make_pipeline` local files are ingested by this machine, without Beam.

    Unusable input raises UserError. What is over budget is written and reported all
    the same: whether to go on is `report.check_budget`'s question.
    """
    output.delete_tree(dirs.staging)
    run_id = uuid.uuid4().hex
    staging = f"{dirs.staging}/{run_id}"
    arguments = (data.root, config, staging, replay_path)
    with _deleted_on_error(staging):
        with _outside_causes_told(dirs.staging):
            try:
                if make_pipeline is None and not _remote(arguments):
                    plan = write_plan(
                        *arguments, lambda files: _start(files // 2, config)
                    )
                    job = _job(plan, staging, run_id, config)
                    result = _run(plan, job)
                else:
                    plan, pipeline = _plan(arguments, make_pipeline or pipeline_with)
                    job = _job(plan, staging, run_id, config)
                    result = _run_by_beam(plan, job, pipeline, data.root)
            finally:
                workers.close_shared_pools()
        require_claimed(staging, run_id, job.config)
        if result.tally.totals["images_in"] != plan.images:
            counted = result.tally.totals["images_in"]
            raise RuntimeError(f"{plan.images} images planned, {counted} counted")
        report = publish(data, dirs, config, plan, result)
    output.delete_tree(dirs.staging)
    for line in report.details["warnings"]:
        _LOGGER.warning("ingest: %s", line)
    _LOGGER.info("ingest: %s", report.corners_line())
    _LOGGER.info("ingest: %s", report.split_line())
    _LOGGER.info("ingest: %s", report.headline())
    return report


def _remote(arguments: _PlanArguments) -> bool:
    root, _, staging, _ = arguments
    return remote.is_remote(root) or remote.is_remote(staging)


def _start(images: int, config: IngestConfig) -> None:
    """Starts the workers for about so many images, while these are still planned."""
    processes = _processes(images, config)
    if processes > 1:
        workers.shared_pool(processes).start()


def _job(
    plan: ShardPlan, staging: str, run_id: str, config: IngestConfig
) -> shards.ShardJob:
    decided = dataclasses.replace(config, corners=plan.corners.convention)
    claim(staging, run_id, decided)
    return shards.ShardJob(staging, run_id, decided, plan.fractions, plan.forced)


def _run(plan: ShardPlan, job: shards.ShardJob) -> RunResult:
    with _progress(plan, job):
        count, hands = len(plan.shard_sizes), _hands_here(plan.images, job.config)
        return run_shards(count, job, job.config.label_map, hands)


def _progress(
    plan: ShardPlan, job: shards.ShardJob
) -> contextlib.AbstractContextManager[None]:
    return progress.logged(f"{job.staging}/results", plan.shard_sizes)


def _plan(
    arguments: _PlanArguments, make_pipeline: Callable[[], "beam.Pipeline"]
) -> tuple[ShardPlan, "beam.Pipeline"]:
    """Plans in a process of its own while this one makes the pipeline.

    Listing takes some 3 KB per image, which a process that lives on would keep, and
    importing Beam takes seconds. Remote data are listed through Beam's filesystems:
    those need it imported, and set up as it is here.
    """
    if _remote(arguments):
        return write_plan(*arguments), make_pipeline()
    planner = workers.WorkerPool(1)
    try:
        planned = planner.submit(write_plan, *arguments)
        pipeline = make_pipeline()
        return planned.result(), pipeline
    finally:
        planner.close()


def _run_by_beam(
    plan: ShardPlan, job: shards.ShardJob, pipeline: "beam.Pipeline", root: str
) -> RunResult:
    from components.example_gen import transforms  # imports Beam

    hands = _hands(pipeline, plan.images, job.config)
    if remote.is_remote(root):
        hands = hands._replace(threads=_WAITING)
    if job.config.label_map is not None:
        keep_classes(job.staging, job.config.label_map)
    with _progress(plan, job), pipeline as running:
        transforms.build(running, len(plan.shard_sizes), job, hands)
    return _read_result(job.staging)


def _hands(
    pipeline: "beam.Pipeline", images: int, config: IngestConfig
) -> workers.Hands:
    """Who does the work: processes of ours for Beam's runner here, else its workers."""
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    if not isinstance(pipeline.runner, FnApiRunner):
        return workers.Hands(processes=1, threads=1)
    return _hands_here(images, config)


def _hands_here(images: int, config: IngestConfig) -> workers.Hands:
    """Processes of ours; for few images threads, one for each core we may use."""
    processes = _processes(images, config)
    threads = len(os.sched_getaffinity(0)) if processes == 1 else 1
    return workers.Hands(processes, threads)


def _processes(images: int, config: IngestConfig) -> int:
    if config.processes:
        return config.processes
    return 1 if images < _FEW_IMAGES else len(os.sched_getaffinity(0))


@contextlib.contextmanager
def _deleted_on_error(staging: str) -> Iterator[None]:
    """Nothing half-done of this run stays in a store, if that still answers.

    The folders of other runs stay: one of them may have taken the output over.
    """
    try:
        yield
    except BaseException as error:
        if remote.is_remote(staging) and not lost_store.found_in(str(error)):
            try:
                output.delete_tree(staging)
            except (UserError, OSError) as why:
                _LOGGER.warning("ingest: %s is left behind: %s", staging, why)
        raise


@contextlib.contextmanager
def _outside_causes_told(staging: str) -> Iterator[None]:
    """A full disk, a lost store or a killed worker is no defect: one line will do."""
    try:
        yield
    except workers.WorkerDiedError as error:
        raise UserError(str(error).splitlines()[0]) from error
    except Exception as error:  # runners hand on what a worker raised as text only
        if lost := lost_store.found_in(str(error)):
            raise lost from error
        if isinstance(error, UserError) or "No space left on device" not in str(error):
            raise
        raise UserError(f"no space left on device for {staging}") from error


def _read_result(staging: str) -> RunResult:
    summary = json.loads(_read_text(f"{staging}/{shards.SUMMARY}"))
    tally = Tally.from_dict(summary["tally"])
    return RunResult(
        staging=staging,
        tally=tally,
        files=tuple((index, StagedFile(*file)) for index, file in summary["files"]),
        class_names=kept_classes(staging),
    )


def _read_text(path: str) -> str:
    with storage.open_read(path) as file:
        return file.read().decode("utf-8")
