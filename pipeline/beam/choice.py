"""From a runner's short name to what Beam is told; imports no Beam."""

import dataclasses
import re
import shutil
from collections.abc import Iterator
from typing import Literal

from schemas.config_rules import refuse_unless
from schemas.user_error import UserError

_ENGINES = "pipeline.beam.engines"
# Ours are Beam's own, with a job that ends when its client does.
_RUNNERS = {
    "local": "FnApiRunner",
    "prism": f"{_ENGINES}.PrismRunner",
    "flink": f"{_ENGINES}.FlinkRunner",
    "spark": f"{_ENGINES}.SparkRunner",
    "dataflow": "DataflowRunner",
}
ARGS = "--beam-arg"  # what a message calls the arguments of every pipeline
# Flags by which workers get our code and what it needs.
_CODE = ("--sdk_container_image", "--setup_file", "--extra_package")
# How workers start: else Beam has Docker run an image of its own, without our code.
_START = ("--environment_type", "--environment_config", "--setup_file")
# Of these masters Beam starts an engine and the workers in one process here.
_HERE = re.compile(r"--(flink_master=\[(local|auto)\]|spark_master_url=local(\[.+\])?)")
# Of each group one must be given: Beam's defaults would start an engine of its own.
_NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "flink": (("--flink_master", "--job_endpoint"), _START),
    "spark": (("--job_endpoint", "--spark_master_url"), _START),
    "dataflow": (("--project",), ("--region",), ("--temp_location",), _CODE),
}
# Google's rules for the name of a bucket. Beam asks for minutes after another.
_IN_A_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")


def _refuse_other_than_flags(args: tuple[str, ...]) -> None:
    for arg in args:
        is_flag = re.fullmatch(r"--\w[^\s=]*(=.*)?", arg, re.DOTALL) is not None
        refuse_unless(
            is_flag and _flag(arg) != "--runner",
            "args of the form --flag=value, and the runner by its own field",
            repr(arg),
        )


def _flag(arg: str) -> str:
    return arg.partition("=")[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageArgs:
    """What Beam is told of one stage alone, as in `beam.args`; it wins over these.

    Attributes:
      voc_example_gen: of ingest, that of an earlier span or of a window's included.
      statistics_gen: of the statistics, likewise.
      transform: of Transform.
      detection_evaluator: of the Evaluator.
    """

    voc_example_gen: tuple[str, ...] = ()
    statistics_gen: tuple[str, ...] = ()
    transform: tuple[str, ...] = ()
    detection_evaluator: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """As of `BeamConfig`."""
        for args in dataclasses.astuple(self):
            _refuse_other_than_flags(args)

    def of_stage(self, stage: str) -> tuple[str, ...]:
        """Those of a stage by its id, such as VocExampleGen-8; () of all others."""
        name = re.sub(r"-\d+$", "", stage.removeprefix("Earlier"))
        field = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        args: tuple[str, ...] = getattr(self, field, ())
        return args


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamConfig:
    """Which engine the Beam stages run on, and what Beam is told beside.

    Attributes:
      runner: local: this machine; else docs/runners.md says what must run where.
      args: passed to Beam as they are: flags and values in one, such as --flag=value.
        Of a flag that is given twice the last value counts.
      stages: the same of one stage alone.
    """

    runner: Literal["local", "prism", "flink", "spark", "dataflow"] = "local"
    args: tuple[str, ...] = ()
    stages: StageArgs = StageArgs()

    def __post_init__(self) -> None:
        """Refuses what would choose another runner in passing."""
        _refuse_other_than_flags(self.args)

    def told(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What a pipeline is told in all, and the name that a message gives it.

        Of every pipeline first, then of each stage that is told more.
        """
        yield ARGS, self.args
        for field, args in vars(self.stages).items():
            if args:
                yield f"beam.stages.{field}", (*self.args, *args)


def pipeline_args(config: BeamConfig) -> list[str]:
    """The arguments of every Beam pipeline of a run.

    Raises:
      UserError: the runner needs to be told something that is not among `args`.
    """
    for where, args in config.told():
        _require_told(config.runner, args, where)
    _require_buckets(config)
    told = given(config.args)
    every = [f"--runner={_RUNNERS[config.runner]}", *config.args]
    if config.runner != "local":
        # Beam asks `python -m pip` for a list that no worker reads, and pip may be
        # missing: a line of its own among ours.
        every.append("--experiments=disable_logging_submission_environment")
    if config.runner == "prism" and "--prism_log_level" not in told:
        every.append("--prism_log_level=warn")
    if config.runner == "prism" and not told & {"--prism_location", "--job_endpoint"}:
        # Else Beam looks for a release of it on the network.
        prism = shutil.which("prism")
        every += [f"--prism_location={prism}"] if prism else []
    if not told & {*_CODE, "--extra_packages", "--requirements_file"}:
        # Our workers have our code already. Without this flag TFX packs itself again
        # for every stage and leaves that in the temporary folder.
        every.append("--sdk_container_image=none")
    return every


def own_places(config: BeamConfig) -> list[tuple[str, str, tuple[str, ...]]]:
    """What a message calls it, the place, and what is told beside it.

    Of Dataflow's own files; none of another runner.
    """
    if config.runner != "dataflow":
        return []
    found: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for where, args in config.told():
        for flag, arg in _last(args).items():
            if flag in {"--temp_location", "--staging_location"}:
                name = flag if where == ARGS else f"{where}: {flag}"
                found.setdefault(arg, (name, arg.partition("=")[2], args))
    return list(found.values())


def _last(args: tuple[str, ...]) -> dict[str, str]:
    """Of each flag the argument that counts."""
    return {_flag(arg): arg for arg in args}


def given(args: tuple[str, ...]) -> set[str]:
    """The flags that are told something; of one that is given twice the last counts."""
    return {flag for flag, arg in _last(args).items() if arg != f"{flag}="}


def _require_told(runner: str, args: tuple[str, ...], where: str) -> None:
    told = given(args)
    is_here = any(_HERE.fullmatch(arg) for arg in args)
    for group in _NEEDED.get(runner, ()):
        if not told & set(group) and not (group is _START and is_here):
            stage = "" if where == ARGS else f"{where}: "
            raise UserError(
                f"{stage}runner {runner} needs {' or '.join(group)}: name it with "
                "--beam-arg=--flag=value (docs/runners.md has an example)"
            )


def _require_buckets(config: BeamConfig) -> None:
    for name, place, _ in own_places(config):
        if not _IN_A_BUCKET.fullmatch(place):
            flag = name.rpartition(" ")[2]
            raise UserError(
                f"{name}={place} is no place for Dataflow: name one as "
                f"{flag}=gs://BUCKET/DIR"
            )
