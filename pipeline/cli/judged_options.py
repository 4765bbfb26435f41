"""The options of the commands that judge exports, and the pictures they mean."""

import argparse
import os
from typing import TYPE_CHECKING

from pipeline.export.bounds import Bounds
from pipeline.run import console
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.export.pictures import Pictures


def add_arguments(parser: argparse.ArgumentParser, *, data: bool = True) -> None:
    """`--data`, if it is an option, `--split` and the bounds."""
    if data:
        parser.add_argument(
            "--data",
            default="",
            metavar="DATA",
            help="a VOC data set, a run's root, or a folder of Split-* folders "
            "(default: the run that MODEL lies in)",
        )
    parser.add_argument(
        "--split",
        default="",
        metavar="NAME",
        help="whose pictures judge (default: the gate's, as the model was pushed; else "
        "eval); litert_int8 is calibrated on the train split",
    )
    parser.add_argument(
        "--max-map-loss",
        type=float,
        default=Bounds.mean_ap,
        metavar="LOSS",
        help="of mAP, from which on an export is refused (default: %(default)s)",
    )
    parser.add_argument(
        "--max-ap50-loss",
        type=float,
        default=Bounds.class_ap50,
        metavar="LOSS",
        help="the same of any class's AP50 (default: %(default)s)",
    )


def bounds_of(args: argparse.Namespace) -> Bounds:
    """The bounds, each in 0..1."""
    for option in ("max_map_loss", "max_ap50_loss"):
        if not 0 <= getattr(args, option) <= 1:
            name = f"--{option.replace('_', '-')}"
            raise UserError(f"{name} {getattr(args, option)} is no loss in 0..1")
    return Bounds(args.max_map_loss, args.max_ap50_loss)


def judged_with(args: argparse.Namespace) -> "tuple[str, Pictures]":
    """The model's folder, and the pictures that judge it."""
    from components.example_gen.source.remote import is_remote
    from pipeline.export.pictures import pictures_of
    from pipeline.prediction.version_path import version_path

    model = version_path(args.model)
    if is_remote(model):
        raise UserError(f"{model} lies elsewhere; copy it to this machine first")
    _require_whole(model)
    return os.path.realpath(model), pictures_of(args.data, args.split, model)


def _require_whole(model: str) -> None:
    """UserError for a model whose files are damaged: it is asked in other processes."""
    from components.baseline.served_models import GRAPH_FILE

    if not os.path.getsize(os.path.join(model, GRAPH_FILE)):
        raise UserError(f"{model} is no SavedModel: {GRAPH_FILE} is empty")
    with console.quiet_libraries():  # TensorFlow talks as it is imported
        from schemas.stored_weights import named_values

        try:
            named_values(model)
        except ValueError as error:
            raise UserError(str(error).splitlines()[0]) from error
