"""Lists the versions of a push destination: what serves, since when, and how good.

The table's AP is COCO's mAP on the split that the gate judged on.
"""

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_place, push_destination_of
from pipeline.cli.table import number, of_spans, table

if TYPE_CHECKING:
    from components.baseline.history import Decision
    from components.baseline.served_models import ServedModel

_COLUMNS = ("version", "pushed", "by", "data", "split", "AP", "AP50", "gate", "state")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline models`."""
    add_place(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(args: argparse.Namespace) -> int:
    """Reads the records, prints a line per version, the newest last."""
    destination = push_destination_of(args.place)  # before what takes seconds
    from components.baseline.history import not_to_push
    from components.baseline.served_models import served_models

    models = served_models(destination)
    refused = not_to_push(destination)
    if args.json:
        tree = [
            {
                "version": model.version,
                "path": model.path,
                "serves": model is models[-1],
                "record": dataclasses.asdict(model.record) if model.record else None,
            }
            for model in models
        ]
        sys.stdout.write(json.dumps(tree, indent=1) + "\n")
        return ExitStatus.DONE
    if not models:
        sys.stdout.write(f"nothing serves under {destination}\n")
        return ExitStatus.DONE
    rows = [_COLUMNS, *(_row(model, models[-1], refused) for model in models)]
    sys.stdout.write(table(rows))
    return ExitStatus.DONE


def _row(
    model: "ServedModel", serving: "ServedModel", refused: "dict[str, Decision]"
) -> tuple[str, ...]:
    from components.baseline.served_models import model_digest

    decision = refused.get(model_digest(model.path))
    states = ["serves"] if model is serving else []
    states += [_PAST[decision.action]] if decision else []
    record = model.record
    if record is None:
        return (str(model.version), *["-"] * 7, ", ".join([*states, "unknown origin"]))
    if record.copy_of is not None:
        states.append(f"copy of {record.copy_of}")
    elif record.promotion:
        states.append(f"from {record.promotion.get('from', '-')}")
    split = record.verdict.get("split", "")
    metrics = record.metrics.get(split, {})
    origin = record.origin
    spans = origin.get("window") or [str(origin.get("span", ""))]
    data = of_spans(str(origin.get("data", "")), spans)
    return (
        str(model.version),
        record.pushed_at or "-",
        record.pushed_by or "-",
        data or "-",
        split or "-",
        number(metrics.get("AP")),
        number(metrics.get("AP50")),
        _verdict(record.verdict, record.because),
        ", ".join(states) or "-",
    )


_PAST = {"rollback": "rolled back", "reject": "rejected", "promote": "replaced"}


def _verdict(verdict: dict[str, Any], because: str) -> str:
    if because:
        return "blessed by hand"
    return "blessed" if verdict.get("blessed") else "-"
