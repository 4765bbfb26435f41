"""Lists the presets: the command, what it costs, what to expect; or shows one."""

import argparse
import json
import shutil
import sys

from pipeline import presets
from schemas.config_json import to_json
from schemas.user_error import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline presets`."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="show every field of this preset"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="say what each field of NAME takes and means",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Prints all presets' descriptions, or one preset's fields."""
    if args.explain and not args.name:
        raise UserError("--explain takes a preset: voc-pipeline presets NAME --explain")
    if args.explain:
        from pipeline.cli.explain import explained

        columns = shutil.get_terminal_size().columns
        sys.stdout.write(explained(presets.preset(args.name), columns))
        return 0
    if args.name:
        sys.stdout.write(to_json(presets.preset(args.name)) + "\n")
        return 0
    texts = {name: presets.describe(name) for name in presets.PRESETS}
    if args.json:
        sys.stdout.write(json.dumps(texts, indent=2) + "\n")
        return 0
    for name, text in texts.items():
        indented = text.replace("\n", "\n  ")
        sys.stdout.write(f"{name}\n  {indented}\n\n")
    return 0
