"""Tells what changed from one served version to another: AP, classes, images.

On the images that both were judged on and that were annotated alike then, from what is
kept with each version: no model runs. An image's hits, misses and false alarms are at
IoU .5 and from the score with the best F1 on that was found for each version; .5 where
none was found.
"""

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_place, destination_of
from pipeline.cli.table import columns_of, number, padded
from schemas.counted import counted
from schemas.user_error import UserError

if TYPE_CHECKING:
    from components.baseline.served_models import ServedModel
    from components.evaluator.judged_changes import ImageChange, JudgedChange
    from components.evaluator.judged_images import JudgedImages

_SHOWN = 10  # images, of each direction
_WITHOUT_THRESHOLD = 0.5  # as `predict` shows them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline diff`."""
    add_place(parser)
    parser.add_argument("earlier", metavar="EARLIER", type=int, help="a version")
    parser.add_argument(
        "later",
        metavar="LATER",
        nargs="?",
        type=int,
        help="another (default: the one that serves)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with every image"
    )


def run(args: argparse.Namespace) -> int:
    """Compares, and prints a table of classes and the images that changed most."""
    destination = destination_of(args.place)
    from components.baseline.served_models import serving
    from components.baseline.versions import version_of
    from components.evaluator.judged_changes import judged_change

    newest = serving(destination)
    if newest is None:
        raise UserError(f"nothing serves under {destination}")
    earlier = version_of(destination, args.earlier)
    later = newest if args.later is None else version_of(destination, args.later)
    scores = _min_score(earlier), _min_score(later)
    change = judged_change(_kept(earlier), _kept(later), *scores)
    if args.json:
        tree = dataclasses.asdict(change)
        sys.stdout.write(json.dumps(tree, indent=1) + "\n")
        return ExitStatus.DONE
    lines = _lines(earlier.version, later.version, change, scores)
    sys.stdout.write("\n".join(lines) + "\n")
    return ExitStatus.DONE


def _kept(model: "ServedModel") -> "JudgedImages":
    from components.pusher.judged_version import judged_images

    judged = judged_images(model)
    if judged is None:
        raise UserError(
            f"version {model.version} has no judged images with it: it was not pushed "
            "by a run of this program; `voc-pipeline evaluate` measures it"
        )
    if not judged.columns.has_only_numbers:
        raise UserError(f"version {model.version} gave NaN: there is nothing to tell")
    return judged


def _min_score(model: "ServedModel") -> float:
    best = model.record.score_thresholds.get("overall") if model.record else None
    return _WITHOUT_THRESHOLD if best is None else float(best)


def _lines(
    earlier: int, later: int, change: "JudgedChange", scores: tuple[float, float]
) -> list[str]:
    left_out = (
        f"; {change.left_out} left out: asked of one only, or annotated anew"
        if change.left_out
        else ""
    )
    images = counted(change.images, "image")
    names = [*change.metrics, *(one.name for one in change.classes)]
    width = max(20, *map(columns_of, names))
    lines = [
        f"{earlier} -> {later}, on {images} of {change.split}{left_out}",
        "",
        f"{'':<{width}} {'before':>8} {'after':>8} {'change':>8}",
    ]
    for name, (before, after) in change.metrics.items():
        chance = f"   {change.chance}" if name == "AP" and change.chance else ""
        lines.append(_row(padded(name, width), before, after) + chance)
    lines += [
        _row(padded(one.name, width), one.before, one.after)
        + f"   {counted(one.objects, 'object')}"
        for one in change.classes
    ]
    before_from, after_from = scores
    lines += [
        "",
        f"found from score {before_from:.3f} on before, {after_from:.3f} after",
    ]
    for title, changed in (
        ("more errors", [i for i in change.changed if i.fewer_errors < 0]),
        ("fewer errors", [i for i in reversed(change.changed) if i.fewer_errors > 0]),
    ):
        lines += ["", f"{title} in {counted(len(changed), 'image')}"]
        lines += map(_image, changed[:_SHOWN])
        more = len(changed) - _SHOWN
        lines += [f"  and {more} more (--json)"] if more > 0 else []
    return lines


def _image(image: "ImageChange") -> str:
    before, after = (
        f"{hits} found, {misses} missed, {alarms} false"
        for hits, misses, alarms in (image.before, image.after)
    )
    return f"  {image.image_id}: {before} -> {after}"


def _row(name: str, before: float | None, after: float | None) -> str:
    known = before is not None and after is not None
    change = f"{after - before:+.4f}" if known else "-"  # type: ignore[operator]
    return f"{name} {number(before):>8} {number(after):>8} {change:>8}"
