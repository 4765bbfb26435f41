"""Makes a served model into every format that can be made, and measures them all.

Each is asked about the same annotated pictures, from a file's bytes to boxes: exact mAP
and AP50 by class, how its scores shift, size, milliseconds of a picture with one thread
and with two (real and of the CPU), memory. DATA is a VOC data set, a run's root or a
folder of Split-* folders. Nothing is kept.
"""

import argparse
import tempfile
from pathlib import Path

from pipeline.cli import judged_options, options
from pipeline.cli.exit_status import ExitStatus
from pipeline.export.formats import FORMATS, missing
from pipeline.run import console
from schemas.user_error import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline benchmark`."""
    options.add_model_argument(parser)
    parser.add_argument(
        "data", metavar="DATA", help="a VOC data set, a run's root, or Split-* folders"
    )
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=tuple(FORMATS),
        default=list(FORMATS),
        metavar="FORMAT",
        help=f"which (default: all: {', '.join(FORMATS)})",
    )
    judged_options.add_arguments(parser, data=False)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Makes, asks and judges one format after the other; prints the table."""
    bounds = judged_options.bounds_of(args)
    from pipeline.export.table import as_text
    from pipeline.export.trial import Trial, make, training_files

    model, pictures = judged_options.judged_with(args)
    trial = Trial(model, pictures, (1, 2), bounds)
    rows, absent = [trial.served], {}
    for name in args.formats:
        why = missing(name)
        if why:
            absent[name] = why
            continue
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary, name)
            try:
                with console.quiet_libraries():
                    make(name, model, made, lambda: training_files(pictures))
            except UserError as error:  # of this machine, or of the data
                absent[name] = str(error)
                continue
            rows.append(trial.row(name, made))
    notes = [str(pictures)]
    notes += [f"{name} is not made: {why}" for name, why in absent.items()]
    told = {
        "rows": [row.to_mapping() for row in rows],
        "not_made": absent,
        "judged_on": pictures.to_mapping(),
    }
    options.tell(args, told, as_text(rows, notes))
    return ExitStatus.DONE
