"""Makes a served model into a format for where it is to serve, and judges the result.

The export is asked about annotated pictures as it will be served, from a file's bytes
to boxes, and judged by the exact metric. One that loses more than the bounds against
the served model is refused (exit status 1) and leaves nothing; else DIR holds the
model, `detect.py`, which asks it, and `judged.json`. Without `--data` the pictures are
those of the run that MODEL lies in.
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.cli import judged_options, options
from pipeline.cli.exit_status import ExitStatus
from pipeline.export.formats import FORMATS, require
from pipeline.run import console
from schemas.user_error import UserError

JUDGED_FILENAME = "judged.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline export`."""
    options.add_model_argument(parser)
    parser.add_argument(
        "--format", required=True, choices=tuple(FORMATS), help="which to make"
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="a folder, new or empty"
    )
    judged_options.add_arguments(parser)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Makes the export aside, judges it, puts it in place or refuses it."""
    require(args.format)
    bounds = judged_options.bounds_of(args)
    with _aside(Path(args.output)) as aside:
        from pipeline.export.table import as_text
        from pipeline.export.trial import Trial, make, training_files

        model, pictures = judged_options.judged_with(args)
        with console.quiet_libraries():
            make(args.format, model, aside, lambda: training_files(pictures))
        trial = Trial(model, pictures, (1,), bounds)
        row = trial.row(args.format, aside)
        rows = [trial.served, row]
        told = {
            "judged_on": pictures.to_mapping(),
            "rows": [each.to_mapping() for each in rows],
        }
        text = as_text(rows, [str(pictures)])
        options.tell(args, {"output": args.output, **told}, text)
        if row.refused:
            if args.json or args.quiet:
                sys.stderr.write(f"refused: {'; '.join(row.refused)}\n")
            return ExitStatus.REFUSED
        (aside / JUDGED_FILENAME).write_text(json.dumps(told, indent=1), "utf-8")
        os.replace(aside, args.output)
    if not (args.json or args.quiet):
        sys.stdout.write(f"wrote {args.output}\n")
    return ExitStatus.DONE


@contextlib.contextmanager
def _aside(output: Path) -> Iterator[Path]:
    """A folder beside `output`, gone afterwards; `output` is checked first."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"--output {output} is there already; name a new folder")
    aside = output.resolve().with_name(f".{output.name}.partial")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"--output {output} cannot be made: {error.strerror}"
        ) from error
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
