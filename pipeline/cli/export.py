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
_PARTIAL = ".partial"  # where an export is made, inside its folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline export`."""
    options.add_model_argument(parser)
    parser.add_argument(
        "--format", required=True, choices=tuple(FORMATS), help="which to make"
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="a folder of this machine, new or empty",
    )
    judged_options.add_arguments(parser)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Makes the export aside, judges it, puts it in place or refuses it."""
    require(args.format)
    bounds = judged_options.bounds_of(args)
    with _aside(args.output) as aside:
        from pipeline.export.table import as_text
        from pipeline.export.trial import Trial, make, training_files

        model, pictures = judged_options.judged_with(args)
        trial = Trial(model, pictures, (1,), bounds)
        with console.quiet_libraries():
            make(args.format, model, aside, lambda: training_files(pictures))
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
        _put_in_place(aside)
    if not (args.json or args.quiet):
        sys.stdout.write(f"wrote {args.output}\n")
    return ExitStatus.DONE


@contextlib.contextmanager
def _aside(output: str) -> Iterator[Path]:
    """A folder inside `output`, gone afterwards, as are folders made for it and empty.

    `output` is checked and made before anything is: a link leads to its folder, and
    one that is mounted can be filled but not replaced.
    """
    if not output or "://" in output:
        raise UserError(f"--output {output!r} is no folder of this machine")
    place = Path(os.path.realpath(output))
    with contextlib.ExitStack() as made:
        try:
            if place.exists() and (not place.is_dir() or _holds(place)):
                raise UserError(
                    f"--output {output} is there already; name a new folder"
                )
            for folder in (*reversed(place.parents), place):
                if not folder.exists():
                    folder.mkdir()
                    made.callback(_remove_empty, folder)
            aside = place / _PARTIAL
            shutil.rmtree(aside, ignore_errors=True)  # of one that was killed
            aside.mkdir()
        except OSError as error:
            raise UserError(
                f"--output {output} cannot be made: {error.strerror}"
            ) from error
        made.callback(shutil.rmtree, aside, ignore_errors=True)
        yield aside


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _holds(place: Path) -> bool:
    return any(entry.name != _PARTIAL for entry in place.iterdir())


def _put_in_place(aside: Path) -> None:
    """What was made goes one folder up; the judgement last, which says all is there."""
    for made in sorted(aside.iterdir(), key=lambda path: path.name == JUDGED_FILENAME):
        os.replace(made, aside.parent / made.name)
