"""The options that several commands share, and how a command tells its result."""

import argparse
import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from components.example_gen.source import remote
from pipeline.beam import light_import
from pipeline.beam.choice import BeamConfig, StageArgs, own_places, pipeline_args
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig  # brings NumPy, which --help needs not

DATA_HELP = (
    "VOC data set: a VOCdevkit, one of its years, a folder with Annotations and "
    "JPEGImages, a .tar, or a pattern such as 'data/span-{SPAN}'"
)


def add_model_argument(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """MODEL, of the commands that ask a served version."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs=None if needed else "?",
        help="a version's folder; or a push destination or a run's --root: the newest",
    )


def add_data_argument(parser: argparse.ArgumentParser, text: str = DATA_HELP) -> None:
    """`--data`, by which every command names the data set."""
    parser.add_argument("--data", required=True, metavar="DATA", help=text)


def add_span_argument(parser: argparse.ArgumentParser) -> None:
    """`--span`, which says what {SPAN} in `--data` stands for."""
    parser.add_argument(
        "--span",
        default="",
        metavar="N",
        help="what {SPAN} in --data is: a number, or latest (the default)",
    )


def add_label_map_argument(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
) -> None:
    """`--label-map`, the classes and their order."""
    parser.add_argument(
        "--label-map",
        metavar="FILE",
        help="one class per line (default: the classes of the data, sorted)",
    )


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    """`--json` and `--quiet`: how the result is told."""
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON, for programs"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no progress and no result, only errors"
    )


def add_beam_arguments(parser: argparse.ArgumentParser) -> None:
    """`--runner` and `--beam-arg`: the engine that the Beam stages run on."""
    parser.add_argument(
        "--runner",
        choices=("local", "prism", "flink", "spark", "dataflow"),
        metavar="NAME",
        help="where the Beam stages run: local (default), prism, flink, spark or "
        "dataflow; docs/runners.md says what each needs",
    )
    parser.add_argument(
        "--beam-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="passed to Beam, as --beam-arg=--flag=value; may be given several times "
        "(default: none)",
    )


def beam_config(
    args: argparse.Namespace, base: BeamConfig, *, runs_here: bool = True
) -> BeamConfig:
    """What `--runner` and `--beam-arg` say over what a preset or `--set` has said.

    `runs_here`: by this machine's files and programs; a package is run elsewhere.
    UserError for what Beam could not read, or a runner that lacks what it needs.
    """
    try:
        beam = dataclasses.replace(
            base,
            runner=args.runner or base.runner,
            args=(*base.args, *args.beam_arg),
        )
    except ValueError as error:
        raise UserError(f"--beam-arg: {error}") from error
    every = pipeline_args(beam)
    if beam.args or beam.stages != StageArgs():
        _require_readable(beam, every, runs_here=runs_here)
    return beam


def _require_readable(beam: BeamConfig, every: list[str], *, runs_here: bool) -> None:
    if beam.runner != "dataflow":
        light_import.import_beam()
    from pipeline.beam import flags

    for where, told in beam.told():
        args = [*every, *told[len(beam.args) :]]
        flags.require_readable(args, beam.runner, where)
        if runs_here:
            flags.require_here(args, beam.runner, where)


def with_runner(config: "PipelineConfig", args: argparse.Namespace) -> "PipelineConfig":
    """A config with the runner that the options name; its arguments count from here."""
    config = dataclasses.replace(config, beam=beam_config(args, config.beam))
    tell_stores(config.beam)
    return config


def tell_stores(beam: BeamConfig) -> None:
    """Tells Beam's file systems in this process what the arguments say of stores.

    UnavailableError or UserError where Dataflow's own files could not be written: Beam
    asks for minutes.
    """
    for name, place, args in own_places(beam):
        remote.tell(args)
        remote.require_access(place, name)
    remote.tell(beam.args)


def refuse_file(output: str) -> None:
    """UserError where a folder is to be written and a file is there."""
    if os.path.isfile(output):
        raise UserError(f"--output {output} is a file; name a folder")


def require_data(data: str) -> None:
    """UserError, before anything heavy is loaded, where DATA is not there."""
    if not remote.is_remote(data) and not os.path.exists(data):
        raise UserError(f"no such data: {data}")


def data_set(data: str) -> str:
    """DATA, of a pattern with {SPAN} the newest: a newer one may come meanwhile."""
    if "{SPAN}" in data:
        from components.example_gen.source import spans

        data = spans.resolve(data).root
    require_data(data)
    return data


def tell(args: argparse.Namespace, as_json: Any, as_text: str) -> None:
    """Prints a command's result as its options want it."""
    if args.json:
        sys.stdout.write(json.dumps(as_json) + "\n")
    elif not args.quiet:
        sys.stdout.write(as_text)
