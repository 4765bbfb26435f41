"""Deletes old versions of a push destination.

What serves stays whatever --keep says, and so do the version that candidates are
compared with and the one that the serving version was judged against.
"""

import argparse
import sys

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_place, push_destination_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline gc`."""
    add_place(parser)
    parser.add_argument(
        "--keep", type=int, required=True, metavar="N", help="how many of the newest"
    )


def run(args: argparse.Namespace) -> int:
    """Deletes, and says what."""
    destination = push_destination_of(args.place)
    from components.baseline.versions import collect_garbage

    gone = collect_garbage(destination, args.keep)
    numbers = ", ".join(map(str, gone)) or "nothing"
    sys.stdout.write(f"deleted {numbers}\n")
    return ExitStatus.DONE
