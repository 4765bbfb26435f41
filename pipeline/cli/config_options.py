"""The options that choose a preset and change its fields."""

import argparse
import dataclasses
from collections.abc import Iterable
from typing import Any

from pipeline import presets
from pipeline.cli.options import add_label_map_argument
from pipeline.config import PipelineConfig
from pipeline.overrides import apply_config_file, apply_overrides
from schemas.config_json import field_paths, to_mapping
from schemas.label_map import LabelMap


def add_config_arguments(
    parser: argparse.ArgumentParser, *, label_map: bool = True
) -> None:
    """The options that choose and change a config; `label_map`: and its classes."""
    preset = parser.add_argument(
        "--preset",
        default="cpu_small",
        metavar="NAME",
        help=f"one of {', '.join(presets.PRESETS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="JSON or YAML of fields to change, a part of what `presets NAME` prints; "
        "--set wins over it (default: none)",
    )
    change = parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field, such as trainer.seed=1; may be given several times, and "
        "`voc-pipeline presets NAME --explain` tells the fields (default: none)",
    )
    if label_map:
        add_label_map_argument(parser)
    else:
        parser.set_defaults(label_map=None)
    # What a shell completes; argcomplete looks for this attribute.
    vars(preset)["completer"] = lambda **_: list(presets.PRESETS)
    vars(change)["completer"] = _assignments


def _assignments(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    config = presets.preset(parsed_args.preset)
    return [f"{path}=" for path in field_paths(to_mapping(config))]


def config_from(args: argparse.Namespace) -> PipelineConfig:
    """The config that `--preset`, `--config`, `--set` and `--label-map` name.

    Each wins over what stands before it.

    Raises:
      UserError: no such preset, field or file, or a value that its field refuses.
    """
    config = presets.preset(args.preset)
    if args.config:
        config = apply_config_file(config, args.config)
    config = apply_overrides(config, args.set)
    if args.label_map:
        names = LabelMap.from_file(args.label_map).names
        config = dataclasses.replace(
            config, ingest=dataclasses.replace(config.ingest, label_map=names)
        )
    return config
