"""Checks that served versions are what was judged: files by digest, numbers again.

The images that a version was judged on are kept with it, with what it found in them.
They are scored once more, and the numbers must be the recorded ones to the last bit.
Exit status 1 where one differs.
"""

import argparse
import dataclasses
import json
import sys

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_place, add_version, destination_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline verify`."""
    add_place(parser)
    add_version(parser, "number of the version (default: every version)")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(args: argparse.Namespace) -> int:
    """Looks at the versions, prints a line for each."""
    destination = destination_of(args.place)
    from components.baseline.served_models import served_models
    from components.baseline.versions import version_of
    from components.pusher.judged_version import verify

    models = (
        served_models(destination)
        if args.version is None
        else [version_of(destination, args.version)]
    )
    found = {model.version: verify(model) for model in models}
    if args.json:
        tree = [
            {"version": version, **dataclasses.asdict(one)}
            for version, one in found.items()
        ]
        sys.stdout.write(json.dumps(tree, indent=1) + "\n")
    else:
        for version, one in found.items():
            said = (
                f"DIFFERS: {'; '.join(one.problems)}"
                if one.problems
                else f"as recorded: {', '.join(one.checked)}"
            )
            sys.stdout.write(f"{version}  {said}\n")
        if not found:
            sys.stdout.write(f"nothing serves under {destination}\n")
    differs = any(one.problems for one in found.values())
    return ExitStatus.REFUSED if differs else ExitStatus.DONE
