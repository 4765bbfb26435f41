"""From a runner's short name to what Beam is told; imports no Beam."""

import dataclasses
import re
import shutil
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
# Flags by which workers get our code and what it needs.
_CODE = ("--sdk_container_image", "--setup_file", "--extra_package")
# Of each group one must be given: Beam's defaults would start an engine of its own.
_NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "flink": (("--flink_master", "--job_endpoint"),),
    "spark": (("--job_endpoint", "--spark_master_url"),),
    "dataflow": (("--project",), ("--region",), ("--temp_location",), _CODE),
}
# Google's rules for the name of a bucket. Beam asks for minutes after another.
_IN_A_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamConfig:
    """Which engine the Beam stages run on, and what Beam is told beside.

    Attributes:
      runner: local: this machine; else docs/runners.md says what must run where.
      args: passed to Beam as they are: flags and values in one, such as --flag=value.
    """

    runner: Literal["local", "prism", "flink", "spark", "dataflow"] = "local"
    args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what would choose another runner in passing."""
        for arg in self.args:
            refuse_unless(
                arg.startswith("--") and _flag(arg) != "--runner",
                "args of the form --flag=value, and the runner by its own field",
                repr(arg),
            )


def _flag(arg: str) -> str:
    return arg.partition("=")[0]


def pipeline_args(config: BeamConfig) -> list[str]:
    """The arguments of every Beam pipeline of a run.

    Raises:
      UserError: the runner needs to be told something that is not among `args`.
    """
    given = {_flag(arg) for arg in config.args}
    for group in _NEEDED.get(config.runner, ()):
        if not given & set(group):
            raise UserError(
                f"runner {config.runner} needs {' or '.join(group)}: name it with "
                "--beam-arg=--flag=value (docs/runners.md has an example)"
            )
    if config.runner == "dataflow":
        _require_buckets(config.args)
    args = [f"--runner={_RUNNERS[config.runner]}", *config.args]
    if config.runner in ("prism", "flink", "spark"):
        # Beam asks `python -m pip` for a list that no worker reads, and pip may be
        # missing: a line of its own among ours.
        args.append("--experiments=disable_logging_submission_environment")
    if config.runner == "prism" and "--prism_log_level" not in given:
        args.append("--prism_log_level=warn")
    if config.runner == "prism" and not given & {"--prism_location", "--job_endpoint"}:
        # Else Beam looks for a release of it on the network.
        args += [f"--prism_location={path}" for path in [shutil.which("prism")] if path]
    if not given & {*_CODE, "--extra_packages", "--requirements_file"}:
        # Our workers have our code already. Without this flag TFX packs itself again
        # for every stage and leaves that in the temporary folder.
        args.append("--sdk_container_image=none")
    return args


def _require_buckets(args: tuple[str, ...]) -> None:
    """UserError for a place of Dataflow's own files that is in no bucket."""
    for arg in args:
        flag, _, place = arg.partition("=")
        is_place = flag in {"--temp_location", "--staging_location"}
        if is_place and not _IN_A_BUCKET.fullmatch(place):
            raise UserError(
                f"{arg} is no place for Dataflow: name one as {flag}=gs://BUCKET/DIR"
            )
