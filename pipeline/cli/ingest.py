"""Checks a VOC data set and writes TFRecords and a report.

Exit status: 0 within budget, 1 over budget (too many images rejected or objects
dropped, or the same image in two splits), 2 unusable.
"""

import argparse
import functools
import json
import logging
import sys
from typing import TYPE_CHECKING

from pipeline.cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from components.example_gen.config import IngestConfig
    from components.example_gen.output.report import Report


KEPT = "{output} is as it was before; the same command starts anew"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `voc-pipeline ingest`."""
    parser.add_argument("data", help="VOC directory or .tar; {SPAN} for a number")
    parser.add_argument("--output", required=True, help="directory to make")
    parser.add_argument("--span", help="number for {SPAN}, or latest (the default)")
    parser.add_argument("--label-map", help="file of one class a line")
    parser.add_argument(
        "--unknown-class",
        choices=("stop", "drop"),
        help="what a class beyond the label map does (default: stop)",
    )
    parser.add_argument(
        "--unannotated",
        choices=("reject", "negative", "ignore"),
        help="what an image without an XML is: rejected (default), a negative image, "
        "or none of the data",
    )
    parser.add_argument("--config", help="JSON file of ingest settings")
    parser.add_argument("--replay", default="", help="rejects.jsonl of an earlier run")
    parser.add_argument("--max-rejected-images", type=float, help="0..1, default 0.05")
    parser.add_argument("--min-box-px", type=float, help="shorter sides are dropped")
    parser.add_argument("--max-dropped-objects", type=float, help="0..1, default 0.05")
    parser.add_argument(
        "--corners",
        choices=("auto", "one_based", "zero_based", "labelimg"),
        help="how boxes count pixels (default: auto, from what the files give away)",
    )
    parser.add_argument(
        "--exif-boxes",
        choices=("auto", "stored", "displayed"),
        help="picture that boxes lie in where EXIF turns it and <size> does not tell",
    )
    parser.add_argument(
        "--accept-scaled",
        action="store_true",
        default=None,
        help="boxes scaled to a resized picture don't count as images in doubt",
    )
    parser.add_argument("--swap-inverted", action="store_true", default=None)
    parser.add_argument("--follow-symlinks", action="store_true", default=None)
    parser.add_argument("--gzip", action="store_true", default=None)
    parser.add_argument(
        "--processes", type=int, help="worker processes, default one a core"
    )
    parser.add_argument(
        "--ensure-splits",
        action="store_true",
        default=None,
        help="carve a missing train or eval split out of the others, as `run` does",
    )
    parser.add_argument(
        "--beam-arg", action="append", default=[], help="passed to Beam; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print report.json")


_CONFIG_OPTIONS = (
    "unknown_class",
    "unannotated",
    "max_rejected_images",
    "min_box_px",
    "max_dropped_objects",
    "corners",
    "exif_boxes",
    "accept_scaled",
    "swap_inverted",
    "follow_symlinks",
    "gzip",
    "processes",
    "ensure_splits",
)


def run(args: argparse.Namespace) -> int:
    """Runs ingest alone; see the module's text for the exit status."""
    config = _config(args)
    from components.example_gen.output.directories import whole_output
    from components.example_gen.source import spans

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # What Beam logs as an error it raises too.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    data = spans.resolve(args.data, args.span)
    with whole_output(args.output) as dirs:
        from components.example_gen.ingest import ingest, local_pipeline

        make_pipeline = functools.partial(local_pipeline, tuple(args.beam_arg))
        report = ingest(data, dirs, config, make_pipeline, args.replay)
    return _tell(report, config, args)


def _config(args: argparse.Namespace) -> "IngestConfig":
    from pathlib import Path

    from components.example_gen.config import IngestConfig
    from schemas.config_json import from_json, from_mapping, to_mapping
    from schemas.label_map import LabelMap
    from schemas.user_error import UserError

    # The sets as they are: a linter adds no split of its own unless asked.
    base = IngestConfig(ensure_splits=False)
    if args.config:
        try:
            text = Path(args.config).read_text("utf-8")
            base = from_json(IngestConfig, text, "ingest")
        except (OSError, UnicodeDecodeError, UserError) as error:
            raise UserError(f"--config {args.config}: {error}") from error
    given = {
        name: value
        for name in _CONFIG_OPTIONS
        if (value := getattr(args, name)) is not None
    }
    if args.label_map:
        given["label_map"] = LabelMap.from_file(args.label_map).names
    try:
        return from_mapping(IngestConfig, to_mapping(base) | given)
    except ValueError as error:
        raise UserError(f"bad ingest settings: {error}") from error


def _tell(report: "Report", config: "IngestConfig", args: argparse.Namespace) -> int:
    from components.example_gen.output.report import check_budget

    if args.json:
        sys.stdout.write(json.dumps(report.to_dict()) + "\n")
    else:
        lines = (report.headline(), report.split_line(), report.corners_line())
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        for line in report.details["warnings"]:
            sys.stdout.write(f"warning: {line}\n")
        for reason, count in report.reasons.items():
            sys.stdout.write(f"  {count:6d}  {reason}\n")
        sys.stdout.write(f"report: {args.output}/report.html\n")
    check_budget(report, config, f"{args.output}/report.html")
    return ExitStatus.DONE
