"""The options that several commands share, and how a command tells its result."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable
from typing import Any

from pipeline import presets
from pipeline.config import PipelineConfig
from pipeline.overrides import apply_overrides
from schemas.config_json import field_paths, to_mapping
from schemas.label_map import LabelMap

DATA_HELP = (
    "VOC data set: a VOCdevkit, one of its years, a folder with Annotations and "
    "JPEGImages, a .tar, or a pattern such as 'data/span-{SPAN}'"
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


def add_label_map_argument(parser: argparse.ArgumentParser) -> None:
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


def tell(args: argparse.Namespace, as_json: Any, as_text: str) -> None:
    """Prints a command's result as its options want it."""
    if args.json:
        sys.stdout.write(json.dumps(as_json) + "\n")
    elif not args.quiet:
        sys.stdout.write(as_text)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that choose and change a config."""
    preset = parser.add_argument(
        "--preset",
        default="cpu_small",
        metavar="NAME",
        help=f"one of {', '.join(presets.PRESETS)} (default: %(default)s)",
    )
    change = parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field, such as trainer.seed=1; may be given several times, and "
        "`voc-pipeline presets NAME --explain` tells the fields (default: none)",
    )
    add_label_map_argument(parser)
    # What a shell completes; argcomplete looks for this attribute.
    vars(preset)["completer"] = lambda **_: list(presets.PRESETS)
    vars(change)["completer"] = _assignments


def _assignments(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    config = presets.preset(parsed_args.preset)
    return [f"{path}=" for path in field_paths(to_mapping(config))]


def config_from(args: argparse.Namespace) -> PipelineConfig:
    """The config that `--preset`, `--label-map` and `--set` name.

    Raises:
      UserError: no such preset, field or file, or a value that its field refuses.
    """
    config = apply_overrides(presets.preset(args.preset), args.set)
    if args.label_map:
        names = LabelMap.from_file(args.label_map).names
        config = dataclasses.replace(
            config, ingest=dataclasses.replace(config.ingest, label_map=names)
        )
    return config
