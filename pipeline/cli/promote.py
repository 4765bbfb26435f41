"""Lets a version that was judged before serve: an earlier one, or another folder's.

    voc-pipeline promote staging --to production --because "two quiet weeks"
    voc-pipeline promote runs/weekly 1764000000 --because "better at night"

It is judged once more, by the gate of the run that made it and by that of what serves
where it is to serve, on the images that both were judged on; no model runs. What served
until then is not pushed again by the next run; `rollback` goes back to it.
"""

import argparse
import os
import sys

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.served_place import (
    add_because,
    add_place,
    add_version,
    destination_of,
    push_destination_of,
    reason,
)
from schemas.user_error import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline promote`."""
    add_place(parser)
    add_version(
        parser, "number of the version (default, with --to: the one that serves)"
    )
    parser.add_argument(
        "--to",
        metavar="PLACE",
        help="a --root or a push destination where it is to serve (default: PLACE)",
    )
    add_because(parser)


def run(args: argparse.Namespace) -> int:
    """Judges, copies, and says by what verdict it serves."""
    because, source = reason(args.because), destination_of(args.place)
    to = push_destination_of(args.to) if args.to else source
    if args.version is None and to == source:
        raise UserError("say which VERSION is to serve, or --to where")
    from components.baseline.served_models import serving
    from components.baseline.versions import version_of
    from components.pusher.promotion import promote

    newest = serving(source)
    if newest is None:
        raise UserError(f"nothing serves under {source}{_of_train(source)}")
    model = newest if args.version is None else version_of(source, args.version)
    promoted = promote(model, to, because)
    for text in promoted.verdict.reasons:
        sys.stdout.write(f"{text}\n")
    served = promoted.served
    sys.stdout.write(
        f"version {served.version} serves under {to}, a copy of {model.path}\n"
    )
    return ExitStatus.DONE


def _of_train(place: str) -> str:
    """The way to serving of a model that `voc-pipeline train` made; "" of others."""
    for model in (os.path.join(place, "model"), place):
        if os.path.isfile(os.path.join(model, "saved_model.pb")):
            return (
                f"; no gate has judged {model}: a run from it does, and pushes what it "
                f"makes (`run --set trainer.model.initial_model={model}`)"
            )
    return ""
