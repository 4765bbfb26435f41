"""Makes sure that a version's model is never pushed again, nor judged against."""

import argparse
import sys

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_because, add_place, destination_of, reason


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline reject`."""
    add_place(parser)
    parser.add_argument("version", metavar="VERSION", type=int, help="its number")
    add_because(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the decision down."""
    because, destination = reason(args.because), destination_of(args.place)
    from components.baseline.versions import reject

    reject(destination, args.version, because)
    sys.stdout.write(f"version {args.version} is rejected\n")
    return ExitStatus.DONE
