"""Data to evaluate on: a VOC data set, or the TFRecords that a run or ingest wrote."""

import dataclasses
import glob
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from components.data_gate.judged_split import AUTO, EVAL, judged_split
from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import OutputDirs
from components.example_gen.output.ingest_report import (
    OverBudgetError,
    Report,
    check_budget,
)
from components.example_gen.shards.tfrecord import TFRecordWriter, read_records
from components.example_gen.source import spans
from components.example_gen.source.annotation import Convention
from components.span_window.merge import spans_in
from pipeline.evaluation.reading import Reading
from pipeline.run.written_examples import (
    folder_with_splits,
    require_split,
    splits_in,
)
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.tf_example import decode_example
from schemas.user_error import UserError

_LOG = logging.getLogger(__name__)
ALL_IMAGES = "all images"
_BY_DEFAULT = Reading()


class _Corners(msgspec.Struct):
    convention: Convention = "one_based"


class _Details(msgspec.Struct):
    corners: _Corners = msgspec.field(default_factory=_Corners)


class _Report(msgspec.Struct):
    """Of `report.json` what is read here; earlier releases said less."""

    details: _Details = msgspec.field(default_factory=_Details)


@dataclasses.dataclass(frozen=True)
class Examples:
    """Images with objects, as TFRecords.

    Attributes:
      file_pattern: of the TFRecord files.
      class_names: that the objects have, or may have.
      split: what the images are called.
      data_report: folder of ingest's pages about them, or "".
      headline: what ingest says of them, or "".
      reading: how they were read from a VOC data set just now; None of TFRecords.
      corners: how their annotations count pixels; VOC's own way where nothing tells.
      corners_assumed: whether nothing tells, of some of them at least.
      span_corners: the same of each span, where they are of several and that is told.
      window: whether they are of several spans, with these in their image ids.
    """

    file_pattern: str
    class_names: tuple[str, ...]
    split: str
    data_report: str = ""
    headline: str = ""
    reading: Reading | None = None
    corners: Convention = "one_based"
    corners_assumed: bool = False
    span_corners: Mapping[str, Convention] = dataclasses.field(default_factory=dict)
    window: bool = False


def examples_of(
    data: str, split: str, work: str, reading: Reading = _BY_DEFAULT
) -> Examples:
    """Finds the TFRecords, or writes them, so read, into the folder `work`.

    `split` names one; "" is every image of a VOC data set, and of TFRecords the split
    that a gate would judge on. Raises UserError where there is no such split.
    """
    folder = folder_with_splits(Path(data))
    report = ""
    said: dict[str, Any] = _said_of(folder) if folder else {}
    if not folder:
        folder, report = os.path.join(work, "examples"), os.path.join(work, "report")
        dirs = OutputDirs(folder, os.path.join(work, "annotations"), report)
        ingested = _ingest(data, dirs, reading.config)
        if not Path(folder, LABEL_MAP_FILENAME).read_text("utf-8").strip():
            raise UserError(
                f"{data} has no object, so there is nothing to find "
                f"({ingested.headline()}): annotate its images, or see what a model "
                "finds in them with `voc-pipeline predict`"
            )
        corners = ingested.details["corners"]["convention"]
        said = {"headline": ingested.headline(), "corners": corners, "reading": reading}
    names = LabelMap.from_file(os.path.join(folder, LABEL_MAP_FILENAME)).names
    there = splits_in(Path(folder))
    if report and not split:
        pattern = glob.escape(_each_once(folder, os.path.join(work, "each_once")))
        return Examples(pattern, names, ALL_IMAGES, report, **said)
    chosen = split or (judged_split(AUTO, there) if EVAL in there else there[-1])
    require_split(data, chosen, there)
    pattern = f"{glob.escape(folder)}/Split-{glob.escape(chosen)}/*"
    return Examples(pattern, names, chosen, report, **said)


def _said_of(folder: str) -> dict[str, Any]:
    """What the ingests that wrote these TFRecords decided, as far as reports tell."""
    place, spans_there = Path(folder).resolve(), spans_in(folder)
    root = place.parent.parent.parent  # if a stage wrote them
    told = {span: _corners_in(_reports(root, span)) for span in spans_there}
    if not spans_there:
        of_a_run = place.parent.parent / "report" / place.name
        told[""] = _corners_in([place / "report.json", of_a_run / "report.json"])
    known = {span: corners for span, corners in told.items() if corners}
    return {
        "corners": known.get("", "one_based"),
        "corners_assumed": len(known) < len(told),
        "span_corners": known if spans_there else {},
        "window": bool(spans_there),
    }


def _reports(root: Path, span: str) -> list[Path]:
    """Those of the ingests of a span in a root, the newest first."""
    found = root.glob(f"VocExampleGen-{span}/report/*/report.json")
    numbered = [path for path in found if path.parent.name.isdigit()]
    return sorted(numbered, key=lambda path: int(path.parent.name), reverse=True)


def _corners_in(reports: Sequence[Path]) -> Convention | None:
    """What the first of them that is there says."""
    for report in reports:
        if report.is_file():
            details = msgspec.json.decode(report.read_bytes(), type=_Report).details
            return details.corners.convention
    return None


def _each_once(folder: str, path: str) -> str:
    """Writes every image of all splits to one file; one may lie in two of them."""
    seen = set()
    with TFRecordWriter(path) as sink:
        for file in sorted(Path(folder).glob("Split-*/*")):
            for record in read_records(str(file)):
                image_id = decode_example(record).image_id
                if image_id not in seen:
                    sink.write(record)
                seen.add(image_id)
    return path


def _ingest(data: str, dirs: OutputDirs, config: IngestConfig) -> Report:
    """Writes every image that ingest takes; one of two image sets is in two splits."""
    every = dataclasses.replace(
        config,
        train_fraction=0,
        eval_fraction=1,
        test_fraction=0,
        ensure_splits=False,
        allow_leaks=True,
    )
    for path in (dirs.examples, dirs.report, dirs.annotations):
        os.makedirs(path, exist_ok=True)
    report = ingest(spans.resolve(data), dirs, every)
    try:
        check_budget(report, every, f"what `voc-pipeline ingest {data}` reports")
    except OverBudgetError as error:  # of what is left, the numbers are true
        _LOG.warning("not all of the data is looked at: %s", error)
    return report
