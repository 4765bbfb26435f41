"""What happened in each image: hits, false alarms by kind, objects found or missed.

It is written for a browser, which decides what a threshold shows: COCO's matching
takes detections by falling score, so that leaving out the lower ones changes nothing
of what the higher ones matched.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluator.image_columns import ImageColumns
from components.report.findings import CANDIDATE, Findings
from components.report.upright_view import UprightView
from trainer.metrics.assignment import NOBODY, Assignment, assign
from trainer.metrics.box_columns import Detections
from trainer.metrics.error_types import KINDS, classify_errors

HIT, MISSED, IGNORED = "hit", "missed", "on a difficult object"
# Of detections; `missed` is of objects.
DETECTION_KINDS = (HIT, *(kind for kind in KINDS if kind != MISSED), IGNORED)


@dataclasses.dataclass(frozen=True, eq=False)
class ImageEvents:
    """One image.

    Attributes:
      image_id: as in the examples.
      found: rows of a detection: index into DETECTION_KINDS, class id, score, and its
        box, xyxy in pixels.
      objects: rows of an object: class id, score of the detection that found it or 0,
        whether it is difficult, and its box.
      errors: false alarms and misses at the threshold.
    """

    image_id: str
    found: list[tuple[int, int, float, list[float]]]
    objects: list[tuple[int, float, bool, list[float]]]
    errors: int

    def upright(self, view: UprightView) -> "ImageEvents":
        """The same with its boxes in the upright picture."""
        found = _turned([box for *_, box in self.found], view)
        objects = _turned([box for *_, box in self.objects], view)
        return dataclasses.replace(
            self,
            found=[(*row[:3], box) for row, box in zip(self.found, found, strict=True)],
            objects=[
                (*row[:3], box) for row, box in zip(self.objects, objects, strict=True)
            ],
        )

    def as_json(self, *, with_boxes: bool) -> dict[str, Any]:
        """Short lists, without the boxes where no picture is there to draw them in."""
        end = None if with_boxes else -1
        return {
            "id": self.image_id,
            "found": [_short(row)[:end] for row in self.found],
            "objects": [_short(row)[:end] for row in self.objects],
        }


def _turned(boxes: list[list[float]], view: UprightView) -> list[list[float]]:
    turned = view.boxes(np.array(boxes, np.float32).reshape(-1, 4))
    return [list(map(float, box)) for box in turned]


def image_events(findings: Findings) -> list[ImageEvents]:
    """Every image of the split, the one with the most errors first."""
    columns = findings.columns[CANDIDATE]
    assignment = _assignment(findings, columns)
    kinds = _kinds(assignment)
    found_with = np.zeros(len(columns.gt_image))
    matched = assignment.ground_truth != NOBODY
    found_with[assignment.ground_truth[matched]] = assignment.detections.score[matched]
    left_out = columns.gt_difficult & (findings.difficult != "plain")
    detections = assignment.detections
    detection_rows = _rows_by_image(detections.image, len(columns.image_ids))
    object_rows = _rows_by_image(columns.gt_image, len(columns.image_ids))
    boxes = _xyxy(detections)
    events = []
    for number, image_id in enumerate(columns.image_ids):
        found = [
            (
                int(kinds[row]),
                int(detections.class_id[row]),
                float(detections.score[row]),
                boxes[row].tolist(),
            )
            for row in detection_rows[number]
        ]
        objects = [
            (
                int(columns.gt_classes[row]),
                float(found_with[row]),
                bool(left_out[row]),
                columns.gt_boxes[row].tolist(),
            )
            for row in object_rows[number]
        ]
        errors = _errors(found, objects, findings.threshold)
        events.append(ImageEvents(str(image_id), found, objects, errors))
    return sorted(events, key=lambda image: (-image.errors, image.image_id))


def _assignment(findings: Findings, columns: ImageColumns) -> Assignment:
    floor = min(findings.min_score, findings.threshold)
    detections = columns.detections()
    return assign(
        columns.ground_truths(),
        detections.take(detections.score >= floor),
        num_classes=len(findings.class_names),
        difficult=findings.difficult,
    )


def _kinds(assignment: Assignment) -> NDArray[np.int64]:
    """[D] index into DETECTION_KINDS."""
    names = np.array([*KINDS, IGNORED])  # NOBODY, -1, is the last
    kinds = names[classify_errors(assignment).kind]
    kinds = np.where(assignment.hit, HIT, kinds)
    return np.array([DETECTION_KINDS.index(kind) for kind in kinds], np.int64)


def _errors(
    found: list[tuple[int, int, float, list[float]]],
    objects: list[tuple[int, float, bool, list[float]]],
    threshold: float,
) -> int:
    fine = {DETECTION_KINDS.index(HIT), DETECTION_KINDS.index(IGNORED)}
    alarms = sum(s >= threshold and kind not in fine for kind, _, s, _ in found)
    return alarms + sum(s < threshold and not hard for _, s, hard, _ in objects)


def _rows_by_image(image: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    order = np.argsort(image, kind="stable")
    return np.split(order, np.searchsorted(image[order], np.arange(1, count)))


def _xyxy(detections: Detections) -> NDArray[np.float64]:
    boxes = detections.boxes_xywh.copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def cut(score: float) -> float:
    """A score or threshold cut, not rounded, to four digits, so that none passes it."""
    return int(score * 1e4) / 1e4


def _short(row: tuple[Any, ...]) -> list[Any]:
    short: list[Any] = []
    for value in row:
        if isinstance(value, float):
            short.append(cut(value))
        elif isinstance(value, list):
            short.append([round(side, 1) for side in value])
        else:
            short.append(int(value))
    return short
