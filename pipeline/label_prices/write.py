"""Prices the labels of an evaluation, and writes what is to be looked at."""

import dataclasses
import os
from typing import Any

import msgspec

from components.evaluator.image_columns import ImageColumns
from components.example_gen.output.directories import write_text
from components.example_gen.source import remote
from components.report.pictures import read_examples
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.examples import Examples
from pipeline.evaluation.whole_folder import whole_folder
from pipeline.label_prices.accepted import write_annotations
from pipeline.label_prices.pages import render
from pipeline.label_prices.priced_list import (
    Label,
    PricedList,
    SourceXml,
    picture_of,
)
from pipeline.label_prices.source_xml import source_xmls
from schemas.boxes import to_xywh
from schemas.counted import counted
from trainer.metrics.label_prices import CLASS, Suspicion, mended, priced_labels
from trainer.metrics.summary import coco_summary

PAGE_FILE = "labels.html"
LIST_FILE = "labels.json"


@dataclasses.dataclass(frozen=True)
class PricedLabels:
    """The labels that were written.

    Attributes:
      labels: a mapping each, as in `labels.json`, the most valuable first.
      ap: AP@[.50:.95] now; `mended_ap`: with all of them as they would be.
      page: path of the page of pictures.
    """

    labels: list[dict[str, Any]]
    ap: float
    mended_ap: float
    page: str


def write_priced(
    found: Evaluation, examples: Examples, data: str, folder: str, most: int
) -> PricedLabels:
    """Writes `labels.json`, `labels.html` and a VOC annotation an image.

    `data` is what the examples were made of, without a {SPAN} in it.
    """
    columns = found.columns
    ranked = priced_labels(
        columns.ground_truths(),
        columns.detections(),
        num_classes=len(found.class_names),
        difficult=found.difficult,
    )[:most]
    labels = [_as_json(one, found) for one in ranked]
    ap, mended_ap = _ap(found, []), _ap(found, ranked)
    numbers = {str(columns.image_ids[one.image]): one.image for one in ranked}
    by_id = {
        example.image_id: example
        for example in read_examples(examples.file_pattern)
        if example.image_id in numbers
    }
    reading = examples.reading
    root = _absolute(data) if reading else ""
    sources: dict[str, SourceXml] = {}
    if reading:
        links = reading.config.follow_symlinks
        sources = source_xmls(root, by_id.keys(), follow_symlinks=links)
    priced = PricedList(
        AP=ap,
        AP_mended=mended_ap,
        corners=examples.corners,
        images={
            image_id: picture_of(one, sources.get(image_id))
            for image_id, one in by_id.items()
        },
        labels=msgspec.convert(labels, list[Label]),
        data=data_to_pass_on(data) if root else "",
        window=examples.window,
        corners_assumed=examples.corners_assumed,
        span_corners=dict(examples.span_corners),
    )
    objects = {
        row: (found.class_names[class_id], box)
        for row, (class_id, box) in enumerate(
            zip(columns.gt_classes, columns.gt_boxes.tolist(), strict=True)
        )
    }
    images = counted(len(columns.image_ids), "image")
    of = f"{images} ({found.split}) by {found.model}"
    together = {"AP": ap, "mended": mended_ap, "of": of}
    by_number = {numbers[image_id]: one for image_id, one in by_id.items()}
    as_json = priced.to_json()
    names = found.class_names
    with whole_folder(folder) as work:
        write_annotations(priced, priced.labels, work)
        page = render(ranked, by_number, objects, names, together, as_json)
        write_text(os.path.join(work, PAGE_FILE), page)
        with open(os.path.join(work, LIST_FILE), "wb") as file:
            file.write(as_json)
    page = os.path.join(folder, PAGE_FILE)
    return PricedLabels(labels, ap, mended_ap, page)


def data_to_pass_on(data: str) -> str:
    """A URL or a relative path as it was named; "" of an absolute one.

    That says where and as whom somebody works, and the page is for others, too.
    """
    is_own = os.path.isabs(os.path.expanduser(data)) and not remote.is_remote(data)
    return "" if is_own else data


def _absolute(data: str) -> str:
    return data if remote.is_remote(data) else os.path.abspath(os.path.expanduser(data))


def _number_in_image(columns: ImageColumns, one: Suspicion) -> int:
    """Number of the object in its image; an image's rows stand together, in order."""
    if one.ground_truth < 0:
        return -1
    return one.ground_truth - int((columns.gt_image < one.image).sum())


def _as_json(one: Suspicion, found: Evaluation) -> dict[str, Any]:
    is_new = one.ground_truth < 0
    columns = found.columns
    now = "" if is_new else found.class_names[columns.gt_classes[one.ground_truth]]
    box = one.box_xywh
    if one.kind == CLASS:  # it is renamed where it is
        box = tuple(to_xywh(columns.gt_boxes[[one.ground_truth]])[0].tolist())
    return {
        "image": str(columns.image_ids[one.image]),
        "kind": one.kind,
        "object": _number_in_image(columns, one),
        "class_now": now,
        "class": found.class_names[one.class_id],
        "box_xywh": list(box),
        "sureness": one.sureness,
        "AP_gained": one.price,
    }


def _ap(found: Evaluation, ranked: list[Suspicion]) -> float:
    summary = coco_summary(
        mended(found.columns.ground_truths(), ranked),
        found.columns.detections(),
        image_ids=found.columns.image_ids,
        class_names=found.class_names,
        difficult=found.difficult,
    )
    return summary.metrics["AP"]
