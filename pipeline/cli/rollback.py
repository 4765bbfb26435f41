"""Lets an earlier version serve again, as a new version that servers take at once.

The version that served until then is not pushed again by the next run, and no model is
judged against it.
"""

import argparse
import sys

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import (
    add_because,
    add_place,
    add_version,
    destination_of,
    reason,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline rollback`."""
    add_place(parser)
    add_version(
        parser, "to go back to (default: the newest earlier one that nobody withdrew)"
    )
    add_because(parser)


def run(args: argparse.Namespace) -> int:
    """Goes back, and says what serves now."""
    because, destination = reason(args.because), destination_of(args.place)
    from components.baseline.versions import rollback

    served = rollback(destination, args.version, because)
    copied = served.record.copy_of if served.record else None
    sys.stdout.write(f"version {served.version} serves, a copy of {copied}\n")
    return ExitStatus.DONE
