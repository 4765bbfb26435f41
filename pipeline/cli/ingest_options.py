"""The options that say how a VOC data set is read, for every command that reads one."""

import argparse
import typing
from collections.abc import Sequence
from typing import Any

from components.example_gen.config import IngestConfig
from pipeline.cli.options import add_label_map_argument
from schemas.config_json import from_mapping, to_mapping
from schemas.label_map import LabelMap
from schemas.user_error import UserError

# Fields of IngestConfig that decide which images and objects there are, and where.
READING = (
    "unknown_class",
    "unannotated",
    "min_box_px",
    "min_inside",
    "corners",
    "exif_boxes",
    "swap_inverted",
    "follow_symlinks",
)


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """`--label-map`, `--config`, and an option for each field of READING.

    None where one is not given: then the field of `--config`, or its default, holds.
    """
    add_label_map_argument(parser)
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="JSON or YAML of ingest settings: what `presets NAME` prints, or the "
        "`ingest` part of it alone (default: none)",
    )
    parser.add_argument(
        "--unknown-class",
        choices=_choices("unknown_class"),
        metavar="WHAT",
        help="what a class beyond the label map does: stop (default), or drop its "
        "objects",
    )
    parser.add_argument(
        "--unannotated",
        choices=_choices("unannotated"),
        metavar="WHAT",
        help="what an image without an XML is: reject (default), negative (it shows "
        "no object), or ignore (it is none of the data)",
    )
    parser.add_argument(
        "--min-box-px",
        type=float,
        metavar="PX",
        help="boxes with a shorter side are dropped (default: 2)",
    )
    parser.add_argument(
        "--min-inside",
        type=float,
        metavar="PART",
        help="a box of which less lies in the image is dropped, others are clipped "
        "(default: 0.5)",
    )
    _add_frame_arguments(parser)


def _add_frame_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corners",
        choices=_choices("corners"),
        metavar="HOW",
        help="how boxes count pixels; auto (default) takes what the files give away",
    )
    parser.add_argument(
        "--exif-boxes",
        choices=_choices("exif_boxes"),
        metavar="WHICH",
        help="picture that boxes lie in where EXIF turns it and <size> does not tell: "
        "stored, displayed, or auto (default)",
    )
    parser.add_argument(
        "--swap-inverted",
        action="store_true",
        default=None,
        help="mend boxes whose minimum is above their maximum; else they are dropped",
    )
    parser.add_argument(
        "--follow-symlinks",
        action="store_true",
        default=None,
        help="read what links lead to outside the data set, too",
    )


def ingest_config(
    args: argparse.Namespace, base: IngestConfig, fields: Sequence[str] = READING
) -> IngestConfig:
    """`base`, changed by `--config`, then by the options named as these fields.

    Raises UserError for a file or a value that is none.
    """
    if args.config:
        from pipeline.config_file import read_config_file  # brings YAML

        part = read_config_file(args.config)
        # all that `presets NAME` prints, or its ingest part alone
        part = part["ingest"] if isinstance(part.get("ingest"), dict) else part
        try:
            base = from_mapping(IngestConfig, to_mapping(base) | part, "ingest")
        except ValueError as error:
            raise UserError(f"--config {args.config}: {error}") from error
    given = given_options(args, fields)
    if args.label_map:
        given["label_map"] = LabelMap.from_file(args.label_map).names
    try:
        return from_mapping(IngestConfig, to_mapping(base) | given)
    except ValueError as error:
        raise UserError(f"bad ingest settings: {error}") from error


def given_options(
    args: argparse.Namespace, fields: Sequence[str] = READING
) -> dict[str, Any]:
    """Field -> value, of the options that were given."""
    values = {name: getattr(args, name) for name in fields}
    return {name: value for name, value in values.items() if value is not None}


def _choices(field: str) -> tuple[str, ...]:
    return typing.get_args(typing.get_type_hints(IngestConfig)[field])
