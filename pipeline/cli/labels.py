"""Which labels may be wrong, and what AP each would be worth if it is.

A served version is asked about DATA, images that it has not learned from, as `evaluate`
does, and as that reads them. Where it disagrees with a label, that label is judged by
what AP would be were the model right: an overlooked object, a wrong class, a badly
drawn box, or an object drawn twice. OUT gets `labels.html`, pictures, the most valuable
first, to say yes or no to; `labels.json`; and, where it lies in DATA, a VOC annotation
of each image with all of these labels as they would be, to open in an annotation tool.

With --folds K the images may be those that MODEL has learned from: only its recipe is
taken, and each image is judged by one of K new models, which learned from the others.

The page saves the answers as a file. With --accept FILE, and without MODEL, OUT gets
the annotations of the images in which a label was said yes to, where they lie in DATA,
with these labels mended and all else as it was, to be copied over those of DATA; those
of a window of spans in a folder `span-N` each. One that was changed after the list was
made is left out and named; name DATA if it is no longer where it was, or was named by
an absolute path, which no file for others holds. An annotation is made anew, of what
ingest keeps and no more, and named, where DATA were TFRecords, its <size> is not the
picture's (or there is none and EXIF turns the picture), a mended object is not in it as
ingest took it, one to be redrawn has no upright <bndbox>, ingest would read something
else than is meant, or its XML has over 64 KiB: keep the old one.
"""

import argparse
import contextlib
import dataclasses
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli import ingest_options, options
from pipeline.cli.exit_status import ExitStatus
from schemas.plain_path import PATTERN_CHARACTERS
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.evaluation.evaluate import Evaluation
    from pipeline.evaluation.examples import Examples
    from pipeline.evaluation.reading import Reading
    from pipeline.label_prices.write import PricedLabels

_LOG = logging.getLogger(__name__)
_MOST = 200
_TOLD = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline labels`."""
    options.add_model_argument(parser, needed=False)
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="a VOC data set, a pattern with {SPAN} (the newest), or a folder with "
        "TFRecords",
    )
    parser.add_argument(
        "--accept",
        metavar="FILE",
        help="answers that the page saved: write annotations with each yes mended; "
        "without MODEL, and with DATA if it is not where the list says (default: none)",
    )
    parser.add_argument("--output", required=True, metavar="OUT", help="a new folder")
    parser.add_argument(
        "--split",
        default="",
        metavar="NAME",
        help="as of `evaluate` (default: every image of a VOC data set; of TFRecords "
        "test, or eval where there is none)",
    )
    parser.add_argument(
        "--most",
        type=int,
        default=_MOST,
        metavar="N",
        help=f"how many labels are listed (default: {_MOST})",
    )
    parser.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="K",
        help="train K models as MODEL was, each asked about the images that it did not "
        "learn from (default: 0: ask MODEL)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=0,
        metavar="N",
        help="of each of these trainings, without a second one (default: as MODEL's)",
    )
    ingest_options.add_reading_as_model_arguments(parser)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluates, prices, writes, tells."""
    from pipeline.prediction.version_path import version_path

    if args.accept:
        return _accept(args)
    if not args.data:
        raise UserError("name MODEL and DATA, or --accept FILE with answers")
    _require_possible(args)
    model = version_path(args.model)
    data = options.data_set(args.data)
    _require_new(args.output)
    reading = ingest_options.reading_for(args, model, data)
    if not args.quiet:
        sys.stderr.write("loading TFX\n")
    from components.baseline.destination import require_writable

    with _gone_if_empty(args.output), tempfile.TemporaryDirectory() as work:
        require_writable(args.output, "--output")  # trainings later would be too late
        priced, read = _priced(args, model, data, reading, work)
    told = {"AP": priced.ap, "AP_mended": priced.mended_ap, "page": priced.page}
    told |= {"reading": read, "labels": priced.labels}
    options.tell(args, told, _as_text(priced, read))
    return ExitStatus.DONE


def _require_possible(args: argparse.Namespace) -> None:
    if args.most < 1:
        raise UserError(f"--most {args.most}: list at least one label")
    if args.folds < 0 or args.folds == 1 or args.epochs < 0:
        raise UserError("--folds needs 2 or more, --epochs 1 or more")
    if args.epochs and not args.folds:
        raise UserError("--epochs goes with --folds")
    if args.folds:
        _require_plain_temporary()


@contextlib.contextmanager
def _gone_if_empty(folder: str) -> Iterator[None]:
    """Deletes a folder that the block made and wrote nothing to."""
    was_there = os.path.exists(folder)
    try:
        yield
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # something is in it
                os.rmdir(folder)


def _accept(args: argparse.Namespace) -> int:
    from components.example_gen.source import spans
    from pipeline.label_prices.accepted import write_accepted

    if args.data:
        raise UserError("--accept FILE goes without MODEL: name DATA alone, or nothing")
    data = spans.resolve(args.model).root if args.model else ""
    _require_new(args.output)
    done = write_accepted(args.accept, args.output, data)
    options.tell(args, dataclasses.asdict(done), done.as_text(args.output))
    return ExitStatus.DONE


def _priced(
    args: argparse.Namespace, model: str, data: str, reading: "Reading", work: str
) -> "tuple[PricedLabels, str]":
    """The labels, and how their annotations were read; "" of TFRecords."""
    from pipeline.run.console import quiet_console

    shown = args.folds and not args.quiet
    with quiet_console(os.path.join(work, "labels.log"), quiet=not shown):
        from pipeline.evaluation.examples import examples_of
        from pipeline.label_prices.write import write_priced

        examples = examples_of(data, args.split, work, reading)
        found = _judged(args, model, examples, work)
        if not found.columns.has_only_numbers:
            raise UserError(f"{model} gives NaN or infinity: it is no judge")
        priced = write_priced(found, examples, data, args.output, args.most)
        return priced, str(examples.reading or "")


def _judged(
    args: argparse.Namespace, model: str, examples: "Examples", work: str
) -> "Evaluation":
    """What MODEL finds in the images; with --folds, what models find that are new."""
    if not args.folds:
        from pipeline.evaluation.evaluate import measure
        from pipeline.evaluation.learned_from import images_learned_from, warning

        line = warning(model, *images_learned_from(model, examples))
        if line:
            logging.getLogger(__name__).warning(
                "%s; --folds asks others", line.rstrip()
            )
        return measure(model, examples, "ignore", work)
    from pipeline.label_prices.folds import measure_in_folds, recipe_of

    recipe = recipe_of(model, args.epochs)
    return measure_in_folds(recipe, examples, args.folds, work)


def _require_plain_temporary() -> None:
    """Refuses, before a training, a temporary folder that reads like a pattern."""
    place = tempfile.gettempdir()
    if set(place) & PATTERN_CHARACTERS:
        raise UserError(
            f"the temporary folder {place}: TensorFlow finds a model's files by a "
            f"pattern, in which {' '.join(sorted(PATTERN_CHARACTERS))} mean something "
            "else; set TMPDIR to a folder without these"
        )


def _require_new(output: str) -> None:
    """Refuses a folder with anything in it: annotations, and perhaps corrected ones.

    Those of an earlier list would stand beside the new ones, and be copied with them.
    """
    if not os.path.exists(output):
        return
    options.refuse_file(output)
    if os.listdir(output):
        raise UserError(
            f"--output {output} holds files, perhaps corrected labels; name another"
        )


def _as_text(priced: "PricedLabels", read: str) -> str:
    lines = [
        f"{label['AP_gained']:+.4f}  {label['kind']:<10}  {label['image']}  "
        f"{label['class_now'] or '-'} -> {label['class']}"
        for label in priced.labels[:_TOLD]
    ]
    more = len(priced.labels) - len(lines)
    lines += [f"and {more} more"] if more > 0 else []
    count = len(priced.labels)
    mended = "this label" if count == 1 else f"these {count} labels"
    lines += [f"annotations {read}"] if read else []
    lines += [
        f"AP {priced.ap:.4f}; with {mended} mended {priced.mended_ap:.4f}",
        f"pictures  {priced.page}",
    ]
    return "".join(f"{line}\n" for line in lines)
