"""Lists the presets: the command, what it costs, what to expect; or shows one."""

import argparse
import json
import sys

from pipeline import presets
from schemas.config_json import to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline presets`."""
    parser.add_argument("name", nargs="?", help="show every field of this preset")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Prints all presets' descriptions, or one preset's fields."""
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
