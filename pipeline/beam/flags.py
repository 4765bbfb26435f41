"""Beam's own flags, as a user gave them: read here before a job is made.

Beam ends in a page of usage where a value is of a wrong kind, and leaves out without a
word what it does not know.
"""

import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    _BeamArgumentParser,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.portability.api import beam_job_api_pb2, beam_runner_api_pb2
from apache_beam.transforms.environments import (
    DockerEnvironment,
    Environment,
    ProcessEnvironment,
)
from apache_beam.transforms.resources import resource_hints_from_options

from pipeline.beam.choice import ARGS
from schemas.did_you_mean import did_you_mean
from schemas.user_error import UserError

_ELSEWHERE = ("flink", "spark")  # whose job servers have flags of their own
_PORTABLE = ("prism", *_ELSEWHERE)  # which start workers as --environment_type says
# What Beam raises where JSON is none or no object, and for types that it has not.
_UNREADABLE = (ValueError, AttributeError, KeyError, TypeError, NotImplementedError)


class _File(NamedTuple):
    """A flag whose value is a file of this machine; `option` is Beam's attribute.

    `runner` is the one that reads it, "" for all.
    """

    option: str
    flag: str
    names: tuple[str, ...] = ()  # those that Beam takes, or their endings
    or_url: bool = True
    runner: str = ""


_SETUP = ("setup.py", "pyproject.toml")
_PACKAGES = (".tar", ".tar.gz", ".whl", ".zip")
_FILES = (
    _File("setup_file", "--setup_file", _SETUP, or_url=False),
    _File("requirements_file", "--requirements_file", or_url=False),
    _File("extra_packages", "--extra_package", _PACKAGES),
    _File("files_to_stage", "--file_to_stage"),
    _File("prism_location", "--prism_location", runner="prism"),
    _File("flink_job_server_jar", "--flink_job_server_jar", runner="flink"),
    _File("spark_job_server_jar", "--spark_job_server_jar", runner="spark"),
)
# As Beam reads what a job server has beside it; all else is text.
_TYPES = beam_job_api_pb2.PipelineOptionType
_READ_AS: dict[Any, dict[str, Any]] = {
    _TYPES.BOOLEAN: {"action": "store_true"},
    _TYPES.INTEGER: {"type": int},
    _TYPES.ARRAY: {"action": "append"},
}
_TIMEOUT, _WORKERS = "job_server_timeout", "direct_num_workers"
# Each brings our code to the workers of Beam's own image.
_PACKED = ("setup_file", "requirements_file", "extra_packages")


class _Parser(_BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def require_readable(args: Sequence[str], runner: str, where: str = ARGS) -> None:
    """UserError for a flag that Beam cannot read, or that nothing here would.

    `where` begins what is said.
    """
    parser = _parser()
    unknown = unknown_to_beam(args, where, parser)
    if runner not in _ELSEWHERE:
        refuse_unknown(unknown, parser._option_string_actions, where)
    options = PipelineOptions(list(args))
    problems = _problems(options, runner)
    problems = problems or _environments_problems(args, options, runner)
    if problems:
        raise UserError(f"{where}: {'; '.join(problems)}")


def _problems(options: PipelineOptions, runner: str) -> list[str]:
    """Those that Beam finds, and of what it takes and then ends in a trace."""
    try:
        problems: list[str] = PipelineOptionsValidator(options, None).validate()
        resource_hints_from_options(options)
        if runner in _PORTABLE:
            from apache_beam.runners.portability.portable_runner import PortableRunner

            # It reads --experiments=pre_optimize.
            PortableRunner._optimize_pipeline(beam_runner_api_pb2.Pipeline(), options)
    except (ImportError, ValueError) as error:
        return [str(error)]
    for view, option in ((PortableOptions, _TIMEOUT), (DirectOptions, _WORKERS)):
        value = getattr(options.view_as(view), option)
        if value < 0 or (value == 0 and option == _TIMEOUT):
            problems.append(f"--{option}={value} is too little")
    return problems


def _environments_problems(
    args: Sequence[str], options: PipelineOptions, runner: str
) -> list[str]:
    try:
        environment = _environment(args)
    except _UNREADABLE as error:
        said = str(error) or type(error).__name__
        return [f"--environment_type and what goes with it: {said}"]
    is_named = options.view_as(PortableOptions).environment_type
    if runner in _PORTABLE and is_named:
        return _without_our_code(options, environment)
    return []


def require_here(args: Sequence[str], runner: str, where: str = ARGS) -> None:
    """UserError for files and programs that have to be on this machine, and are not."""
    values = vars(_parser().parse_known_args(list(args))[0])
    for kind in (file for file in _FILES if file.runner in ("", runner)):
        given = values[kind.option] or []
        for file in [given] if isinstance(given, str) else given:
            _require_file(file, kind, f"{where}: {kind.flag}={file}")
    if runner == "prism":
        _require_command(_environment(args), where)


def _require_file(file: str, kind: _File, told: str) -> None:
    name = os.path.basename(file)
    is_named = any(
        name.endswith(each) if each[0] == "." else name == each for each in kind.names
    )
    if kind.names and not is_named:
        raise UserError(f"{told}: Beam takes {' or '.join(kind.names)}")
    if not ((kind.or_url and "://" in file) or os.path.isfile(file)):
        raise UserError(f"{told} is no file; name one that is there")


def _environment(args: Sequence[str]) -> Environment | None:
    """How workers start; None where Beam's default for the runner counts."""
    # Of these alone: Beam builds at once what the others tell it to pack.
    start = [arg for arg in args if arg.startswith("--environment_")]
    if not start:
        return None
    portable = PipelineOptions(start).view_as(PortableOptions)
    return Environment.from_options(portable)


def _without_our_code(
    options: PipelineOptions, environment: Environment | None
) -> list[str]:
    """What is wrong where Docker would start an image that has no line of this one."""
    setup = options.view_as(SetupOptions)
    is_packed = any(getattr(setup, name) for name in _PACKED)
    is_beams = (
        isinstance(environment, DockerEnvironment)
        and environment.container_image == DockerEnvironment.default_docker_image()
    )
    if not is_beams or is_packed or setup.prebuild_sdk_container_engine:
        return []
    return [
        "--environment_type=DOCKER without an image starts Beam's own, which has no "
        "line of this program: name yours with --environment_config=IMAGE (only "
        "Dataflow reads --sdk_container_image), or pack the code with --setup_file"
    ]


def _require_command(environment: Environment | None, where: str) -> None:
    """UserError where workers on this machine are no program: Prism waits for ever."""
    if isinstance(environment, ProcessEnvironment):
        command = str(environment.command or "")
        if shutil.which(command) is None:
            raise UserError(
                f"{where}: {command!r} is no program here that workers could be "
                "started by; docs/runners.md has an example"
            )


def unknown_to_beam(
    args: Sequence[str], where: str = ARGS, parser: _BeamArgumentParser | None = None
) -> list[str]:
    """The flags that this Beam does not have; UserError for values of wrong kinds."""
    try:
        _, unknown = (parser or _parser()).parse_known_args(list(args))
    except (UserError, ValueError) as error:  # ValueError: no JSON where that is wanted
        raise UserError(f"{where}: {error}") from error
    return [arg.partition("=")[0] for arg in unknown]


def require_readable_by(
    job_server: Iterable[Any], args: Sequence[str], where: str = ARGS
) -> None:
    """UserError for a flag or a value that neither Beam nor this job server can read.

    `job_server` are its own options, each a PipelineOptionDescriptor.
    """
    parser = _parser()
    known = set(parser._option_string_actions)
    for option in job_server:
        if (flag := f"--{option.name}") not in known:
            parser.add_argument(flag, **_READ_AS.get(option.type, {}))
    unknown = unknown_to_beam(args, where, parser)
    refuse_unknown(unknown, parser._option_string_actions, where)


def refuse_unknown(
    unknown: Sequence[str], known: Collection[str], where: str = ARGS
) -> None:
    """UserError that says what may have been meant."""
    if unknown:
        meant = did_you_mean(unknown[0], known)
        raise UserError(f"{where}: Beam has no flag {unknown[0]}{meant}")


def _parser() -> _Parser:
    """All of Beam's flags, as Beam itself collects them."""
    parser = _Parser(allow_abbrev=False, add_help=False)
    for options in dict.fromkeys(PipelineOptions.__subclasses__()):
        options._add_argparse_args(parser)
    return parser
