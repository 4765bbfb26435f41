"""Asks a served model about pictures: draws what it finds, and writes it down.

OUT gets a picture of each image with its boxes, `detections.csv`, and `results.json`,
COCO results of every detection that `voc-pipeline score` takes, with the label map that
goes with them. Pictures are turned as EXIF says, and boxes are in their pixels as they
are seen; those of `results.json` are turned back to the stored ones, as in the ground
truth. A file that is no picture is named, and the others go on (exit status 1).
What `predict` did not write is never replaced: it is named, and nothing is done.

With --batch the work is a Beam pipeline, for any number of pictures on any --runner:
folders may lie behind any Beam file system and may hold TFRecords of ingest, nothing is
drawn, and workers write the same lines to shards, `results-*.json`, `detections-*.csv`
and, for what is no picture, `unreadable-*.jsonl`; `summary.json` comes last. OUT is a
new folder.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli import options
from pipeline.cli.exit_status import ExitStatus
from schemas.counted import counted
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.prediction.detector import Detector
    from pipeline.prediction.results import ResultFiles

KEPT = (
    "{output}, if it is there, holds a part of the results; delete it, and start the "
    "command anew"
)
_PER_CALL = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline predict`."""
    options.add_model_argument(parser)
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="pictures, folders of pictures, or patterns such as 'in/**/*.jpg'; "
        "folders in folders are named and passed over",
    )
    parser.add_argument("--output", required=True, metavar="OUT", help="a folder")
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="show detections from this score on (default: for each class the one with "
        "the best F1 on eval, as the Evaluator found it)",
    )
    parser.add_argument(
        "--batch", action="store_true", help="by Beam: many pictures, on any --runner"
    )
    parser.add_argument(
        "--pictures-per-call",
        type=int,
        default=_PER_CALL,
        metavar="N",
        help="of --batch: so many pictures of one size go through the model at once "
        f"(default: {_PER_CALL}; more is faster on a GPU, and may change last digits)",
    )
    options.add_beam_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Predicts one picture after the other, or all of them by Beam."""
    _require_sense(args)
    from pipeline.prediction.pictures import matched, passed_over, picture_paths

    args.images = matched(args.images)
    if args.batch:
        return _run_batch(args)
    from pipeline.prediction.version_path import version_path
    from pipeline.run.console import quiet_libraries

    paths = picture_paths(args.images)
    from pipeline.prediction.results import require_replaceable

    require_replaceable(args.output, paths)
    model = version_path(args.model)
    sys.stderr.write(_as_line(passed_over(args.images)))
    with quiet_libraries(quiet=False):
        return _ask(args, model, paths)


def _require_sense(args: argparse.Namespace) -> None:
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise UserError(f"--threshold {args.threshold} is no score in 0..1")
    if args.pictures_per_call < 1:
        raise UserError(f"--pictures-per-call {args.pictures_per_call}: at least 1")
    of_batch = {
        "--runner": args.runner,
        "--beam-arg": args.beam_arg,
        "--pictures-per-call": args.pictures_per_call != _PER_CALL,
    }
    for option, given in of_batch.items():
        if given and not args.batch:
            raise UserError(f"{option} goes with --batch")


def _run_batch(args: argparse.Namespace) -> int:
    from components.baseline.destination import require_writable
    from components.example_gen.source import remote
    from pipeline.beam.choice import BeamConfig, pipeline_args
    from pipeline.beam.engine_there import require_engine
    from pipeline.prediction.batch_images import require_images
    from pipeline.prediction.pictures import passed_over
    from pipeline.prediction.version_path import version_path
    from pipeline.run.console import quiet_libraries

    beam = options.beam_config(args, BeamConfig())
    beam_args = pipeline_args(beam)
    options.tell_stores(beam)
    require_engine(beam)
    require_images(args.images)
    _require_new(args.output)
    model = version_path(args.model)
    sys.stderr.write(_as_line(passed_over(args.images, batch=True)))
    was_there = os.path.isdir(args.output)
    if not remote.is_remote(args.output):
        require_writable(args.output, "--output")
    with quiet_libraries(quiet=False), _whole_or_nothing(args.output, was_there):
        from pipeline.prediction.batch import Batch, predict_all

        detector = _detector(args, model)
        batch = Batch(
            model=model,
            names=tuple(args.images),
            output=args.output,
            class_names=tuple(detector.class_names),
            thresholds=tuple(detector.thresholds.tolist()),
            pictures_per_call=args.pictures_per_call,
        )
        del detector  # the workers have one of their own
        summary = predict_all(batch, beam_args)
    return _tell(args, summary.pictures, summary.shown, summary.unreadable)


@contextlib.contextmanager
def _whole_or_nothing(output: str, was_there: bool) -> Iterator[None]:
    """Deletes what the block wrote where it fails: the next batch wants a new folder.

    One that `was_there`, and empty, is empty again.
    """
    from components.example_gen.source import remote

    try:
        yield
    except BaseException:
        # Of a place that is mounted, say, or a store that is lost: what broke the batch
        # off is told, not this.
        with contextlib.suppress(OSError, UserError):
            if remote.is_remote(output):
                remote.delete_below(output)
            elif os.path.isdir(output):
                _delete_local(os.path.realpath(output), keep_folder=was_there)
        raise


def _delete_local(folder: str, *, keep_folder: bool) -> None:
    """Deletes what is in a folder, out of reach of workers that still write there."""
    aside = tempfile.mkdtemp(prefix=".", dir=os.path.dirname(folder))
    try:
        for name in os.listdir(folder):
            os.rename(os.path.join(folder, name), os.path.join(aside, name))
        if not keep_folder:
            os.rmdir(folder)
    finally:
        shutil.rmtree(aside)


def _require_new(output: str) -> None:
    """Refuses a folder with anything in it: shards of another batch would stay."""
    from components.baseline import folders
    from components.example_gen.source import remote
    from components.example_gen.source.storage import require_known_scheme

    require_known_scheme(output, "--output")
    options.refuse_file(output)
    if remote.is_remote(output):
        remote.require_access(output, "--output")
    there = os.path.exists(output) or not folders.is_local(output)
    if there and next(folders.files_in(output), None) is not None:
        raise UserError(f"--output {output} holds files; name another folder")


def _detector(args: argparse.Namespace, model: str) -> "Detector":
    """The version, with the thresholds that are asked for."""
    from pipeline.prediction.detector import Detector

    detector = Detector(model)
    if args.threshold is not None:
        detector.thresholds[:] = args.threshold
    elif not detector.has_thresholds:
        sys.stderr.write(
            "the model has no thresholds of its own: shown from a score of .5 on\n"
        )
    return detector


def _as_line(passed_over: str) -> str:
    return f"{passed_over.removeprefix('; ')}\n" if passed_over else ""


def _tell(args: argparse.Namespace, pictures: int, shown: int, failed: int) -> int:
    sys.stdout.write(
        f"{counted(pictures, 'picture')}, {counted(shown, 'detection')} shown, "
        f"{failed} unreadable: {args.output}\n"
    )
    return ExitStatus.REFUSED if failed else ExitStatus.DONE


def _ask(args: argparse.Namespace, model: str, paths: dict[str, str]) -> int:
    from pipeline.prediction.results import ResultFiles

    options.refuse_file(args.output)
    detector = _detector(args, model)
    try:
        files = ResultFiles(args.output, detector.class_names, detector.thresholds)
    except OSError as error:
        raise UserError(
            f"--output {args.output} cannot be written ({error.strerror})"
        ) from error
    shown, failed = _predict(paths, detector, files)
    return _tell(args, len(paths) - failed, shown, failed)


def _predict(
    paths: dict[str, str], detector: "Detector", files: "ResultFiles"
) -> tuple[int, int]:
    """Detections shown, and files that are no pictures."""
    from pipeline.prediction.pictures import PictureError, read_picture

    shown = failed = 0
    progress = sys.stderr.isatty()
    for number, (picture_id, path) in enumerate(paths.items(), 1):
        try:
            picture = read_picture(path)
        except PictureError as error:
            failed += 1
            sys.stderr.write(f"{path} is no picture: {error}\n")
            continue
        shown += files.add(picture_id, picture, detector.detect(picture.pixels))
        if progress:
            sys.stderr.write(f"\r{number}/{len(paths)} pictures")
    if progress:
        sys.stderr.write("\n")
    files.close()
    return shown, failed
