"""Asks a served model about pictures: draws what it finds, and writes it down.

OUT gets a picture of each image with its boxes, `detections.csv`, and `results.json`,
COCO results of every detection that `voc-pipeline score` takes, with the label map that
goes with them. Pictures are turned as EXIF says, and boxes are in their pixels as they
are seen; those of `results.json` are turned back to the stored ones, as in the ground
truth. A file that is no picture is named, and the others go on (exit status 1).
What `predict` did not write is never replaced: it is named, and nothing is done.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from pipeline.cli import options
from pipeline.cli.exit_status import ExitStatus
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.prediction.detector import Detector
    from pipeline.prediction.results import ResultFiles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline predict`."""
    options.add_model_argument(parser)
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="pictures, or folders of pictures"
    )
    parser.add_argument("--output", required=True, metavar="OUT", help="a folder")
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="show detections from this score on (default: for each class the one with "
        "the best F1 on eval, as the Evaluator found it)",
    )


def run(args: argparse.Namespace) -> int:
    """Predicts one picture after the other."""
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise UserError(f"--threshold {args.threshold} is no score in 0..1")
    from pipeline.prediction.pictures import picture_paths
    from pipeline.prediction.version_path import version_path
    from pipeline.run.console import quiet_libraries

    paths = picture_paths(args.images)
    from pipeline.prediction.results import require_replaceable

    require_replaceable(args.output, paths)
    model = version_path(args.model)
    with quiet_libraries(quiet=False):
        return _ask(args, model, paths)


def _ask(args: argparse.Namespace, model: str, paths: dict[str, str]) -> int:
    from pipeline.prediction.detector import Detector
    from pipeline.prediction.results import ResultFiles

    detector = Detector(model)
    if args.threshold is not None:
        detector.thresholds[:] = args.threshold
    elif not detector.has_thresholds:
        sys.stderr.write(
            "the model has no thresholds of its own: shown from a score of .5 on\n"
        )
    try:
        files = ResultFiles(args.output, detector.class_names, detector.thresholds)
    except OSError as error:
        raise UserError(
            f"--output {args.output} cannot be written ({error.strerror})"
        ) from error
    shown, failed = _predict(paths, detector, files)
    sys.stdout.write(
        f"{len(paths) - failed} pictures, {shown} detections shown, "
        f"{failed} unreadable: {args.output}\n"
    )
    return ExitStatus.REFUSED if failed else ExitStatus.DONE


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
