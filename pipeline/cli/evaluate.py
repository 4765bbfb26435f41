"""Measures a served version on other data, as a run measures its candidate.

DATA is a VOC data set, of which every image counts that ingest takes, or what holds
TFRecords: the output of ingest, or a run's --root. With --output OUT there are
`report.html`, the whole report but for verdict and training; `data.html` about a VOC
data set; and `results.json` with `label_map.txt`, which `voc-pipeline score --data DATA
--detections OUT/results.json --label-map OUT/label_map.txt` takes.
A class that only the data have counts: the model finds none of it (--unknown-class drop
leaves it out). Where the model has learned from images of DATA, a line says from how
many.
"""

import argparse
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from pipeline.cli import ingest_options, options
from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.table import columns_of, padded
from schemas.counted import counted
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.evaluation.evaluate import Evaluation
    from pipeline.evaluation.reading import Reading

KEPT = "no result was written; the same command starts anew"

_HEADLINES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `voc-pipeline evaluate`."""
    options.add_model_argument(parser)
    parser.add_argument(
        "data",
        metavar="DATA",
        help="a VOC data set, a pattern with {SPAN} (the newest), or a folder with "
        "TFRecords",
    )
    parser.add_argument(
        "--output", default="", metavar="OUT", help="a folder (default: none)"
    )
    parser.add_argument(
        "--split",
        default="",
        metavar="NAME",
        help="train, eval or test (default: every image of a VOC data set; of "
        "TFRecords test, or eval where there is none)",
    )
    parser.add_argument(
        "--difficult",
        choices=("plain", "crowd", "ignore"),
        default="ignore",
        help="as of `score` (default: ignore)",
    )
    ingest_options.add_reading_as_model_arguments(parser)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measures, writes, tells."""
    from pipeline.prediction.version_path import version_path

    model = version_path(args.model)
    args.data = options.data_set(args.data)
    reading = ingest_options.reading_for(args, model, args.data)
    _require_replaceable(args.output)
    is_new = bool(args.output) and not os.path.exists(args.output)
    if args.output:
        from components.baseline.destination import require_writable

        require_writable(args.output, "--output")
    if not args.quiet:
        sys.stderr.write("loading TFX\n")
    with tempfile.TemporaryDirectory() as work:
        try:
            return _evaluate(args, model, reading, work)
        except KeyboardInterrupt:
            if is_new:
                shutil.rmtree(args.output, ignore_errors=True)
            raise
        except UserError as error:
            from pipeline.evaluation.evaluate import TFMA_FOLDER

            # What was refused leaves no folder behind; what went on for long, its log.
            if is_new and not os.path.exists(os.path.join(work, TFMA_FOLDER)):
                shutil.rmtree(args.output)
            elif args.output:
                error.args = (f"{error}; log: {_log(args.output)}",)
            raise


def _log(folder: str) -> str:
    return os.path.join(folder, "evaluate.log")


def _evaluate(
    args: argparse.Namespace, model: str, reading: "Reading", work: str
) -> int:
    from pipeline.run.console import quiet_console

    with quiet_console(_log(args.output or work), quiet=True):
        from pipeline.evaluation.evaluate import measure, write_report
        from pipeline.evaluation.examples import examples_of
        from pipeline.evaluation.learned_from import images_learned_from, warning

        examples = examples_of(args.data, args.split, work, reading)
        learned = images_learned_from(model, examples)
        found = measure(model, examples, args.difficult, work)
        page = ""
        if args.output:
            page = write_report(found, examples, args.data, args.output)
    sys.stderr.write(warning(model, *learned))
    told: dict[str, Any] = {
        **found.as_json(),
        "learned_from": learned[0],
        "data": args.data,
        "about_data": examples.headline,
        "reading": f"annotations {examples.reading}" if examples.reading else "",
        "report": page,
    }
    options.tell(args, told, _as_text(found, told))
    return ExitStatus.DONE


def _require_replaceable(output: str) -> None:
    """Refuses a folder that holds anything but an earlier evaluation."""
    if not output or not os.path.exists(output):
        return
    options.refuse_file(output)
    ours = os.path.exists(_log(output))
    if os.listdir(output) and not ours:
        raise UserError(
            f"--output {output} holds other files than an evaluation's; name another"
        )


def _as_text(found: "Evaluation", told: dict[str, Any]) -> str:
    metrics = found.metrics
    width = max(len("class"), *map(columns_of, found.class_names))
    rows = [
        f"{padded(name, width)} {_number(metrics[f'AP/{name}']):>7} "
        f"{_number(metrics[f'AP50/{name}']):>7}"
        for name in found.class_names
    ]
    lines = [
        told["about_data"],
        told["reading"],
        f"{counted(told['images'], 'image')} ({found.split}), "
        f"{counted(told['objects'], 'object')}, difficult: {found.difficult}",
        "  ".join(f"{name} {_number(metrics[name])}" for name in _HEADLINES),
        f"{'class':<{width}} {'AP':>7} {'AP50':>7}",
        *rows,
        f"report    {told['report']}" if told["report"] else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
