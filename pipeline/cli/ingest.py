"""Checks a VOC data set and writes TFRecords and a report.

Exit status: 0 within budget, 1 over budget (too many images rejected or objects
dropped, or the same image in two splits), 2 unusable.
"""

import argparse
import contextlib
import functools
import logging
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.example_gen.config import READING, IngestConfig
from pipeline.beam import light_import
from pipeline.beam.choice import BeamConfig, pipeline_args
from pipeline.beam.engine_there import require_engine
from pipeline.cli import ingest_options, options
from pipeline.cli.exit_status import ExitStatus
from schemas.user_error import UserError

if TYPE_CHECKING:
    from apache_beam import Pipeline

    from components.example_gen.output.ingest_report import Report


KEPT = "{output} is as it was before; the same command starts anew"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `voc-pipeline ingest`."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", metavar="DATA", help=options.DATA_HELP)
    where.add_argument("data_here", nargs="?", metavar="DATA", help="the same")
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="directory to make"
    )
    options.add_span_argument(parser)
    ingest_options.add_reading_arguments(parser)
    parser.add_argument(
        "--replay",
        default="",
        metavar="FILE",
        help="only what an earlier run's rejects.jsonl names (default: everything)",
    )
    parser.add_argument(
        "--max-rejected-images",
        type=float,
        metavar="PART",
        help="budget: the part of the images that may be rejected (default: 0.05)",
    )
    parser.add_argument(
        "--max-dropped-objects",
        type=float,
        metavar="PART",
        help="budget: the part of the objects that may be dropped (default: 0.05)",
    )
    parser.add_argument(
        "--accept-scaled",
        action="store_true",
        default=None,
        help="boxes scaled to a resized picture don't count as images in doubt",
    )
    parser.add_argument(
        "--allow-leaks",
        action="store_true",
        default=None,
        help="the same picture in two splits is not over budget",
    )
    parser.add_argument(
        "--gzip", action="store_true", default=None, help="compress the TFRecords"
    )
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="worker processes (default: one per core)",
    )
    parser.add_argument(
        "--ensure-splits",
        action="store_true",
        default=None,
        help="carve a missing train or eval split out of the others, as `run` does",
    )
    options.add_beam_arguments(parser)
    options.add_result_arguments(parser)


_FIELDS = (
    *READING,
    "max_rejected_images",
    "max_dropped_objects",
    "accept_scaled",
    "allow_leaks",
    "gzip",
    "processes",
    "ensure_splits",
)


def run(args: argparse.Namespace) -> int:
    """Runs ingest alone; see the module's text for the exit status."""
    config = _config(args)
    _require_kept(args)
    level = logging.WARNING if args.quiet else logging.INFO  # Beam sets one of its own
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    # What Beam logs it raises too, and its workers here whatever the cause.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)
    beam = options.beam_config(args, BeamConfig())
    # On this machine Beam is left out unless it is told something.
    beam_args = pipeline_args(beam) if beam != BeamConfig() else []
    from components.example_gen.output.directories import whole_output
    from components.example_gen.source import spans

    options.tell_stores(beam)
    require_engine(beam)
    data = spans.resolve(args.data or args.data_here, args.span)
    with whole_output(args.output) as dirs:
        from components.example_gen.ingest import ingest

        by_beam = functools.partial(_pipeline, beam, beam_args) if beam_args else None
        is_printed = not (args.json or args.quiet)
        # Beam asks IPython, which takes 0.4 s to load, whether this is a notebook.
        with _told_once(ingest.__module__, is_printed), light_import.hidden("IPython"):
            report = ingest(data, dirs, config, by_beam, args.replay)
    return _tell(report, config, args)


def _require_kept(args: argparse.Namespace) -> None:
    """UserError where the output of the run that is replayed would be replaced."""
    folder = os.path.realpath(os.path.dirname(args.replay))
    output = os.path.realpath(os.path.expanduser(args.output))  # as it is written
    if args.replay and folder == output:
        raise UserError(
            f"--output {args.output} holds what the run wrote that --replay "
            f"{args.replay} is of, and would lose it: name another output"
        )


def _pipeline(beam: BeamConfig, beam_args: list[str]) -> "Pipeline":
    from components.example_gen.ingest import pipeline_with

    if beam.runner != "dataflow":
        light_import.import_beam()
    return pipeline_with(beam_args)


@contextlib.contextmanager
def _told_once(module: str, is_printed: bool) -> Iterator[None]:
    """Keeps a module from logging what the result's text says, too."""
    logger = logging.getLogger(module)
    before, logger.disabled = logger.disabled, is_printed
    try:
        yield
    finally:
        logger.disabled = before


def _config(args: argparse.Namespace) -> IngestConfig:
    # The sets as they are: a linter adds no split of its own unless asked.
    base = IngestConfig(ensure_splits=False)
    return ingest_options.ingest_config(args, base, _FIELDS)


def _tell(report: "Report", config: IngestConfig, args: argparse.Namespace) -> int:
    from components.example_gen.output.ingest_report import check_budget

    lines = [report.headline(), report.split_line(), report.corners_line()]
    lines += [f"warning: {line}" for line in report.details["warnings"]]
    lines += [
        f"  {count:6d}  {_reason(reason)}" for reason, count in report.reasons.items()
    ]
    lines += [f"report: {args.output}/report.html", ""]
    options.tell(args, report.to_dict(), "\n".join(lines))
    check_budget(report, config, f"{args.output}/report.html")
    return ExitStatus.DONE


def _reason(code: str) -> str:
    """A reason as it is counted; what is more than a note says what it means."""
    from components.example_gen.rules import RULES
    from components.example_gen.rules.rule import INFO

    meant = {r.code: f"{r.severity}: {r.summary}" for r in RULES if r.severity != INFO}
    return f"{code}  {meant[code]}" if code in meant else code
