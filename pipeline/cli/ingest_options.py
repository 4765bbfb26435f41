"""The options that say how a VOC data set is read, for every command that reads one."""

import argparse
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.example_gen.config import READING, IngestConfig
from pipeline.cli.options import add_label_map_argument
from schemas.config_json import from_mapping, to_mapping
from schemas.label_map import LabelMap
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.evaluation.reading import Reading


def add_reading_arguments(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
) -> None:
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


def _add_frame_arguments(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
) -> None:
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


def add_reading_as_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The same, of commands that read data as those that MODEL was trained on were."""
    group = parser.add_argument_group(
        "how a VOC data set is read",
        "as the data that MODEL was trained on were, which its push.json tells; these "
        "win over that, and a default below is that of a model which does not tell",
    )
    add_reading_arguments(group)


def reading_for(args: argparse.Namespace, model: str, data: str) -> "Reading":
    """How the options, and else MODEL, say that the VOC data set DATA is read.

    Nothing is asked of MODEL where DATA holds TFRecords, which were read before;
    UserError for an option then.
    """
    from pipeline.evaluation.reading import Reading, known_to, reading_of
    from pipeline.run.written_examples import folder_with_splits

    if folder_with_splits(Path(data)):
        _require_none_for_tfrecords(args, data)
        return Reading()
    is_given = bool(_all_given(args))
    if is_given:
        ingest_config(args, IngestConfig())  # refuses at once what is none
    reading = reading_of(model)
    if is_given:
        config = ingest_config(args, reading.config)
        reading = Reading(config, f"{reading.source}, but for what is given here")
    return known_to(model, reading)


def _require_none_for_tfrecords(args: argparse.Namespace, data: str) -> None:
    """UserError where an option says how something is read that was read before."""
    for name in _all_given(args):
        option = f"--{name.replace('_', '-')}"
        raise UserError(
            f"{option} says how a VOC data set is read; {data} holds TFRecords, of "
            f"data that were read: give {option} to `ingest`"
        )


def _all_given(args: argparse.Namespace) -> list[str]:
    files = [name for name in ("config", "label_map") if getattr(args, name)]
    return files + list(given_options(args))


def given_options(
    args: argparse.Namespace, fields: Sequence[str] = READING
) -> dict[str, Any]:
    """Field -> value, of the options that were given."""
    values = {name: getattr(args, name) for name in fields}
    return {name: value for name, value in values.items() if value is not None}


def _choices(field: str) -> tuple[str, ...]:
    return typing.get_args(typing.get_type_hints(IngestConfig)[field])
