"""Tells why a version serves, or served: data, metrics, every rule, every decision."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.cli.changed_fields import changed_fields
from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_place, add_version, destination_of
from pipeline.cli.table import of_spans
from schemas.user_error import UserError

if TYPE_CHECKING:
    from components.baseline.history import Decision
    from components.baseline.push_record import PushRecord
    from components.baseline.served_models import ServedModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline why`."""
    add_place(parser)
    add_version(parser, "number of the version (default: the one that serves)")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with every field of the config"
    )


def run(args: argparse.Namespace) -> int:
    """Reads the version's record and the destination's history."""
    destination = destination_of(args.place)
    from components.baseline.history import decisions
    from components.baseline.served_models import serving
    from components.baseline.versions import version_of

    newest = serving(destination)
    if newest is None:
        raise UserError(f"nothing serves under {destination}")
    model = newest if args.version is None else version_of(destination, args.version)
    history = decisions(destination)
    if args.json:
        sys.stdout.write(json.dumps(_as_json(model, newest, history), indent=1) + "\n")
        return ExitStatus.DONE
    lines = [
        f"version        {model.version}"
        + (" (serves)" if model.version == newest.version else ""),
        f"path           {model.path}",
        *_origin(model),
        *(f"decided        {one}" for one in _decisions(model, history)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return ExitStatus.DONE


def _origin(model: "ServedModel") -> list[str]:
    record = model.record
    if record is None:
        return ["origin         unknown: it was not pushed by this program"]
    origin, verdict = record.origin, record.verdict
    lines = [f"pushed         {record.pushed_at or '-'} by {record.pushed_by or '-'}"]
    if record.copy_of is not None:
        lines.append(f"copy of        {record.copy_of}")
    # The span that the run was about, or all that it learned from.
    spans = origin.get("window") or [origin.get("span", "")]
    judged = record.judged_against.partition(":")[0]
    lines += [
        f"model digest   {record.model_digest or '-'}",
        f"data           {of_spans(origin.get('data', '-'), spans)}",
        f"data digest    {origin.get('data_digest') or '-'}",
        f"code digest    {origin.get('code_digest') or '-'}",
        f"judged against {f'version {judged}' if judged else 'no served model'}",
    ]
    for split, metrics in record.metrics.items():
        shown = "  ".join(
            f"{name} {'-' if value is None else f'{value:.4f}'}"
            for name, value in metrics.items()
        )
        lines.append(f"{split:<15}{shown}")
    blessed = "blessed" if verdict.get("blessed") else "not blessed"
    lines.append(f"gate           {blessed}")
    lines += [f"               {reason}" for reason in verdict.get("reasons", ())]
    lines += _by_hand(record)
    lines += _serving(record.serving)
    lines += _thresholds(record)
    # A package knows no data; its run may have changed what it was made with.
    compiled = "" if origin.get("data_digest") else " (as compiled)"
    for part in ("ingest", "trainer", "gate"):
        if part in origin:
            changed = changed_fields(part, origin[part]) or ["all at their default"]
            lines += _named(f"{part} config", [f"{one}{compiled}" for one in changed])
    return lines


def _named(name: str, lines: Sequence[str]) -> list[str]:
    """Lines of which the first has a name before it."""
    return [f"{name if not n else '':<15}{one}" for n, one in enumerate(lines)]


def _thresholds(record: "PushRecord") -> list[str]:
    """From which score on to count what it finds, class by class."""
    found = record.score_thresholds.get("by_class", {})
    lines = [
        f"{'no hit' if least is None else format(least, '.3f'):<7} {name}"
        for name, least in found.items()
    ]
    return _named("best F1 from", lines)


def _by_hand(record: "PushRecord") -> list[str]:
    """What a person did: promoted it, pushed it against the verdict."""
    lines = []
    if record.promotion:
        told = record.promotion
        place, because = told.get("from", "-"), told.get("because", "-")
        lines.append(f"promoted       from {place}: {because}")
        reasons = told.get("verdict", {}).get("reasons", ())
        lines += [f"{'':15}{text}" for text in reasons]
    if record.because:
        lines.append(f"overruled      by {record.pushed_by}: {record.because}")
    return lines


_MEASURED = {
    "ms_per_image": "ms per image",
    "memory_mib": "MiB of memory",
    "size_mib": "MiB of files",
    "ms_ratio": "times the served model's time",
    "size_ratio": "times its size",
}


def _serving(findings: Mapping[str, Any]) -> list[str]:
    """What the serving check measured, and of each budget what it came to."""
    known = {name: findings.get(name) for name in _MEASURED}
    told = [f"{known[name]:g} {_MEASURED[name]}" for name in known if known[name]]
    lines = [f"serving check  {', '.join(told)}"] if told else []
    return lines + [f"{'':15}{one['reason']}" for one in findings.get("budgets", ())]


def _decisions(model: "ServedModel", history: "list[Decision]") -> "list[Decision]":
    return [
        decision
        for decision in history
        if model.version in (decision.version, decision.serves, decision.replaces)
    ]


def _as_json(
    model: "ServedModel", newest: "ServedModel", history: "list[Decision]"
) -> dict[str, Any]:
    return {
        "version": model.version,
        "serves": model.version == newest.version,
        "path": model.path,
        "record": dataclasses.asdict(model.record) if model.record else None,
        "decisions": [dataclasses.asdict(one) for one in _decisions(model, history)],
    }
