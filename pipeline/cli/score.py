"""Exact COCO and VOC metrics of a results file.

Ground truth is a COCO annotation file, or a VOC data set as `ingest` reads it (a
VOCdevkit, Annotations/ or XML files, with or without the images; a .tar). For a VOC
data set a result's image_id is the annotation's name without .xml, or the number that
name is, and its category_id the class's place, from 1, in the alphabet or in
--label-map; boxes are [x, y, width, height] in pixels, the first pixel being 0. Where
ingest keeps other objects than are scored, a line says which and why. Results beside
the label_map.txt of `predict` or `evaluate` are refused without --label-map where that
has other classes at their places.
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.config import READING, IngestConfig
from pipeline.cli import ingest_options, options
from pipeline.cli.table import columns_of, padded
from schemas.counted import counted
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.user_error import UserError

if TYPE_CHECKING:
    from trainer.metrics.box_columns import Detections
    from trainer.metrics.coco_files import AnnotatedImages, LeftOut

PROTOCOLS = ("coco", "voc07", "voc10")
DIFFICULT = ("plain", "crowd", "ignore")
Report = dict[str, object]

_TABLE_AREAS = {"s": " small", "m": "medium", "l": " large"}
_PER_CLASS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `voc-pipeline score`."""
    parser.add_argument(
        "--data",
        "--ground-truth",
        type=Path,
        required=True,
        metavar="DATA",
        help="ground truth: a VOC directory, or a COCO annotation file",
    )
    parser.add_argument(
        "--detections",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="COCO results; several files, as of `predict --batch`, count as one",
    )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="coco",
        help="coco (default); voc07: 11 points; voc10: every point",
    )
    parser.add_argument(
        "--difficult",
        choices=DIFFICULT,
        default="ignore",
        help="ignore (default): neither hit nor miss; crowd: as COCO's crowds; "
        "plain: like any other object",
    )
    parser.add_argument(
        "--image-set",
        metavar="NAME",
        help="only ImageSets/Main/NAME.txt, or that split's folders (default: all)",
    )
    ingest_options.add_reading_arguments(parser)
    parser.add_argument(
        "--ignore-unknown-categories",
        action="store_true",
        help="leave out results of categories that the ground truth lacks, as "
        "pycocotools does; they are counted",
    )
    parser.add_argument(
        "--ignore-unknown-images",
        action="store_true",
        help="leave out results of images that the ground truth, or its --image-set, "
        "lacks; they are counted",
    )
    parser.add_argument(
        "--per-class", action="store_true", help="a line for each class"
    )
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Reads, evaluates, prints."""
    if args.protocol != "coco" and args.difficult != "ignore":
        raise UserError(
            f"--protocol {args.protocol} always ignores difficult objects: drop "
            f"--difficult {args.difficult}"
        )
    annotated, notes = _read_ground_truth(args)
    detections, left_out = _read_results(args, annotated)
    for kind, count in dataclasses.asdict(left_out).items():
        if count:
            notes.append(f"results of unknown {kind} left out: {count}")
    if not len(detections):
        names = " ".join(map(str, args.detections))
        sys.stderr.write(f"voc-pipeline score: {names} has no detections\n")
    evaluate = _coco_report if args.protocol == "coco" else _voc_report
    report = {**evaluate(annotated, detections, args), "notes": notes}
    options.tell(args, report, _as_text(report, per_class=args.per_class))
    return 0


def _read_results(
    args: argparse.Namespace, annotated: "AnnotatedImages"
) -> "tuple[Detections, LeftOut]":
    """The results of all files, in their order, and what was left out of them."""
    from trainer.metrics.box_columns import Detections
    from trainer.metrics.coco_files import LeftOut, read_results

    parts = [
        read_results(
            path,
            annotated,
            ignore_categories=args.ignore_unknown_categories,
            ignore_images=args.ignore_unknown_images,
        )
        for path in args.detections
    ]
    left_out = [left for _, left in parts]
    whole = Detections.concatenate([found for found, _ in parts])
    return whole, LeftOut(
        categories=sum(left.categories for left in left_out),
        images=sum(left.images for left in left_out),
    )


def _read_ground_truth(
    args: argparse.Namespace,
) -> "tuple[AnnotatedImages, list[str]]":
    """Ground truth, and what about it differs from what ingest writes."""
    path: Path = args.data
    if not path.exists():
        raise UserError(f"--data {path} does not exist")
    if path.is_dir() or path.suffix.lower() == ".tar":
        from components.evaluator.voc_ground_truth import read_voc

        config = ingest_options.ingest_config(args, IngestConfig())
        annotated, notes = read_voc(path, args.image_set or "", config)
        if config.label_map is None:
            _require_the_same_classes(args, annotated)
        return annotated, notes
    for name in ("label_map", "config", "image_set", *READING):
        if getattr(args, name):
            option = name.replace("_", "-")
            raise UserError(f"--{option} goes with a VOC directory; {path} is a file")
    from trainer.metrics.coco_files import read_annotations

    return read_annotations(path), []


def _require_the_same_classes(
    args: argparse.Namespace, annotated: "AnnotatedImages"
) -> None:
    """Refuses results that lie beside a label map with other classes at their places.

    As `predict` and `evaluate` write it: the model may know a class that DATA lack.
    """
    for beside in {path.parent / LABEL_MAP_FILENAME for path in args.detections}:
        theirs = LabelMap.from_file(beside).names if beside.is_file() else ()
        pairs = enumerate(zip(theirs, annotated.class_names, strict=False), 1)
        for number, (their, our) in pairs:
            if their != our:
                raise UserError(
                    f"category {number} of the results is {their!r} by {beside}, and "
                    f"{our!r} by the alphabet of {args.data}: add --label-map {beside}"
                )


def _coco_report(
    annotated: "AnnotatedImages", detections: "Detections", args: argparse.Namespace
) -> Report:
    from trainer.metrics.summary import coco_summary

    summary = coco_summary(
        annotated.ground_truths,
        detections,
        image_ids=annotated.image_ids,
        class_names=annotated.class_names,
        difficult=args.difficult,
        threads=len(os.sched_getaffinity(0)),
    )
    return {
        **summary.metrics,
        "per_class": summary.per_class,
        "protocol": args.protocol,
        "difficult": summary.difficult,
        "images": summary.num_images,
    }


def _voc_report(
    annotated: "AnnotatedImages", detections: "Detections", args: argparse.Namespace
) -> Report:
    from trainer.metrics.voc_protocol import voc_summary

    summary = voc_summary(
        annotated.ground_truths,
        detections,
        image_ids=annotated.image_ids,
        class_names=annotated.class_names,
        protocol=args.protocol,
        extra_pixel=0.0 if annotated.half_open else 1.0,
    )
    return {
        "mAP": summary.mean_ap,
        "per_class": {
            name: {"mAP": value, "AP": value}
            for name, value in summary.per_class.items()
        },
        "protocol": args.protocol,
        "difficult": summary.difficult,
        "images": summary.num_images,
    }


def _as_text(report: Report, *, per_class: bool) -> str:
    numbers = {key: value for key, value in report.items() if isinstance(value, float)}
    if report["protocol"] == "coco":
        lines = [_table_line(name, value) for name, value in numbers.items()]
        columns: tuple[str, ...] = _PER_CLASS
    else:
        lines = [f" mAP ({report['protocol']}, IoU=0.50) = {numbers['mAP']:0.3f}"]
        columns = ("AP",)
    images = report["images"]
    assert isinstance(images, int)
    lines.append(
        f" {counted(images, 'image')}, difficult objects: {report['difficult']}"
    )
    notes = report["notes"]
    assert isinstance(notes, list)
    lines += [f" {note}" for note in notes]
    if per_class:
        lines += _class_lines(report["per_class"], columns)
    return "".join(f"{line}\n" for line in lines)


def _table_line(name: str, value: float) -> str:
    """A line of the table that pycocotools prints."""
    kind, rest = name[:2], name[2:]
    title = "Average Precision" if kind == "AP" else "Average Recall"
    iou = f"0.{rest}" if kind == "AP" and rest.isdigit() else "0.50:0.95"
    limit = int(rest) if kind == "AR" and rest.isdigit() else 100
    area = _TABLE_AREAS.get(rest, "   all")
    return (
        f" {title:<18} ({kind}) @[ IoU={iou:<9} | area={area} | maxDets={limit:>3d} ] "
        f"= {value:0.3f}"
    )


def _class_lines(per_class: object, columns: tuple[str, ...]) -> list[str]:
    assert isinstance(per_class, dict)
    width = max(len("class"), *map(columns_of, per_class))
    header = f" {'class':<{width}}" + "".join(f" {name:>6}" for name in columns)
    rows = [
        f" {padded(name, width)}"
        + "".join(f" {metrics[column]:6.3f}" for column in columns)
        for name, metrics in per_class.items()
    ]
    return ["", header, *rows]
