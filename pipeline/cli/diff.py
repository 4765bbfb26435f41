"""Tells what changed from one served version to another: AP, classes, images.

On the images that both were judged on and that were annotated alike then, from what is
kept with each version: no model runs. An image's hits, misses and false alarms are at
IoU .5 and at the threshold with the best F1 that was found for each version.
"""

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import add_place, destination_of
from pipeline.cli.table import number
from schemas.user_error import UserError

if TYPE_CHECKING:
    from components.baseline.served_models import ServedModel
    from components.evaluator.judged_changes import ImageChange, JudgedChange
    from components.evaluator.judged_images import JudgedImages

_SHOWN = 10  # images, of each direction


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
    change = judged_change(
        _kept(earlier), _kept(later), _min_score(earlier), _min_score(later)
    )
    if args.json:
        tree = dataclasses.asdict(change)
        sys.stdout.write(json.dumps(tree, indent=1) + "\n")
        return ExitStatus.DONE
    sys.stdout.write("\n".join(_lines(earlier.version, later.version, change)) + "\n")
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
    return 0.0 if best is None else float(best)


def _lines(earlier: int, later: int, change: "JudgedChange") -> list[str]:
    left_out = (
        f"; {change.left_out} left out: asked of one only, or annotated anew"
        if change.left_out
        else ""
    )
    lines = [
        f"{earlier} -> {later}, on {change.images} images of {change.split}{left_out}",
        "",
        f"{'':<20} {'before':>8} {'after':>8} {'change':>8}",
    ]
    for name, (before, after) in change.metrics.items():
        chance = f"   {change.chance}" if name == "AP" and change.chance else ""
        lines.append(_row(name, before, after) + chance)
    lines += [
        _row(one.name, one.before, one.after) + f"   {one.objects} objects"
        for one in change.classes
    ]
    for title, images in (
        ("more errors", [i for i in change.changed if i.fewer_errors < 0]),
        ("fewer errors", [i for i in reversed(change.changed) if i.fewer_errors > 0]),
    ):
        lines += ["", f"{title} in {len(images)} images"]
        lines += map(_image, images[:_SHOWN])
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
    return f"{name:<20} {number(before):>8} {number(after):>8} {change:>8}"
