"""Beam's own flags, as a user gave them: read here before a job is made.

Beam ends in a page of usage where a value is of a wrong kind, and leaves out without a
word what it does not know.
"""

import shutil
from collections.abc import Collection, Sequence
from typing import NoReturn

from apache_beam.options.pipeline_options import (
    PipelineOptions,
    PortableOptions,
    _BeamArgumentParser,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.transforms.environments import Environment, ProcessEnvironment

from schemas.did_you_mean import did_you_mean
from schemas.user_error import UserError

_ELSEWHERE = ("flink", "spark")  # whose job servers have flags of their own


# What Beam raises where JSON is none or no object, and for types that it has not.
_UNREADABLE = (ValueError, AttributeError, KeyError, TypeError, NotImplementedError)


class _Parser(_BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"--beam-arg: {message}")


def require_readable(args: Sequence[str], runner: str) -> None:
    """UserError for a flag that Beam cannot read, or that nothing here would."""
    parser = _parser()
    unknown = unknown_to_beam(args, parser)
    if runner not in _ELSEWHERE:
        refuse_unknown(unknown, parser._option_string_actions)
    problems = PipelineOptionsValidator(PipelineOptions(list(args)), None).validate()
    environment = None
    # Of these alone: Beam builds at once what the others tell it to pack.
    start = [arg for arg in args if arg.startswith("--environment_")]
    try:
        environment = Environment.from_options(
            PipelineOptions(start).view_as(PortableOptions)
        )
    except _UNREADABLE as error:
        said = str(error) or type(error).__name__
        problems.append(f"--environment_type and what goes with it: {said}")
    if problems:
        raise UserError(f"--beam-arg: {'; '.join(problems)}")
    if runner == "prism":
        _require_command(environment)


def _require_command(environment: Environment | None) -> None:
    """UserError where workers on this machine are no program: Prism waits for ever."""
    if isinstance(environment, ProcessEnvironment):
        command = str(environment.command or "")
        if shutil.which(command) is None:
            raise UserError(
                f"--beam-arg: {command!r} is no program here that workers could be "
                "started by; docs/runners.md has an example"
            )


def unknown_to_beam(
    args: Sequence[str], parser: _BeamArgumentParser | None = None
) -> list[str]:
    """The flags that this Beam does not have; UserError for values of wrong kinds."""
    try:
        _, unknown = (parser or _parser()).parse_known_args(list(args))
    except ValueError as error:  # of a value that is JSON elsewhere
        raise UserError(f"--beam-arg: {error}") from error
    return [arg.partition("=")[0] for arg in unknown]


def refuse_unknown(unknown: Sequence[str], known: Collection[str]) -> None:
    """UserError that says what may have been meant."""
    if unknown:
        meant = did_you_mean(unknown[0], known)
        raise UserError(f"--beam-arg: Beam has no flag {unknown[0]}{meant}")


def _parser() -> _Parser:
    """All of Beam's flags, as Beam itself collects them."""
    parser = _Parser(allow_abbrev=False, add_help=False)
    for options in dict.fromkeys(PipelineOptions.__subclasses__()):
        options._add_argparse_args(parser)
    return parser
