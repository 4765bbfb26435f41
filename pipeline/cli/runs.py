"""Lists the runs of a root: when, of which data, how good, and what came of them.

The table's AP is COCO's mAP on the split that the gate judged on. What a run took is
what it said itself; of one that was stopped, from its first stage on.
"""

import argparse
import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.table import number, of_spans, table

if TYPE_CHECKING:
    from pipeline.run.past_runs import PastRun

_COLUMNS = ("run", "began", "took", "data", "split", "AP", "AP50", "stages", "came to")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline runs`."""
    parser.add_argument("root", metavar="ROOT", help="the --root of the runs")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(args: argparse.Namespace) -> int:
    """Prints a line per run, the newest last."""
    from pipeline.run.past_runs import past_runs

    runs = past_runs(os.path.abspath(args.root))
    if args.json:
        tree = [dataclasses.asdict(one) for one in runs]
        sys.stdout.write(json.dumps(tree, indent=1) + "\n")
        return ExitStatus.DONE
    rows = [_COLUMNS, *map(_row, runs)]
    sys.stdout.write(table(rows))
    return ExitStatus.DONE


def _row(one: "PastRun") -> tuple[str, ...]:
    ran = sum(stage.how == "ran" for stage in one.stages.values())
    reused = sum(stage.how == "reused" for stage in one.stages.values())
    metrics = one.metrics.get(one.judged_on, {})
    came_to = {
        "pushed": f"pushed as {one.pushed}",
        "refused": f"refused by the {one.refused_by}"
        if one.refused_by
        else "not pushed",
        "unfinished": f"stopped in {one.stopped_in}" if one.stopped_in else "stopped",
    }[one.state]
    return (
        str(one.run),
        one.began,
        f"{one.seconds:.0f} s",
        of_spans(one.data, [one.span]) or "-",
        one.judged_on or "-",
        number(metrics.get("AP")),
        number(metrics.get("AP50")),
        f"{ran} ran, {reused} reused",
        came_to,
    )
