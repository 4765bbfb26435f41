"""Deletes what old runs left in a root; the served versions are not touched.

The newest runs keep everything that they made or reused; of the others the output
folders and logs go, but not what `runs` tells of them. The checkpoints of every
training that ended go, too.
"""

import argparse
import os
import sys

from pipeline.cli.exit_status import ExitStatus
from schemas.user_error import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline clean`."""
    parser.add_argument("root", metavar="ROOT", help="the --root of the runs")
    parser.add_argument(
        "--keep",
        type=int,
        required=True,
        metavar="N",
        help="how many of the newest runs keep everything",
    )


def run(args: argparse.Namespace) -> int:
    """Deletes, and says how much."""
    from pipeline.local_run import only_run_in
    from pipeline.run.old_runs import delete_old_runs
    from pipeline.run.record import metadata_path, open_store

    if args.keep < 1:
        raise UserError(f"--keep {args.keep}: keep at least the newest run")
    root = os.path.abspath(args.root)
    open_store(metadata_path(root))  # before a lock file is made where no run ever was
    with only_run_in(root):
        runs, freed = delete_old_runs(root, args.keep)
    numbers = ", ".join(map(str, runs))
    of = f"outputs of runs {numbers}" if runs else "no run's outputs"
    sys.stdout.write(f"deleted {of}; {freed / 2**20:,.1f} MiB are free again\n")
    return ExitStatus.DONE
