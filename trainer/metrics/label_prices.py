"""Suspicious labels, and what AP would be were each of them mended.

Where a detector that never saw an image disagrees with its labels, it may be the label
that is wrong. That is one of four kinds:

- overlooked: a detection on nothing that is annotated; an object would be added;
- class: a detection on an object of another class that nobody found; renamed;
- box: a detection on an object of its class with an IoU from 0.1 to 0.65; redrawn;
- duplicate: two objects of one class with an IoU of at least 0.5; one would go.

Each is judged alone: its price is AP@[.50:.95] with that one label mended less AP as it
is. They are ranked by price times how sure the suspicion is: the detection's score; of
two objects their IoU; of a box the score times the share of the detector's hits that
fit their objects better, since one that draws loosely is no witness. Of suspicions
about one place the first stays.
"""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.boxes import area_px2
from trainer.metrics.assignment import NOBODY, Assignment, assign
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.candidates import find_candidates
from trainer.metrics.error_types import KINDS, classify_errors
from trainer.metrics.protocol import DifficultMode
from trainer.metrics.summary import coco_summary

OVERLOOKED, CLASS, BOX, DUPLICATE = "overlooked", "class", "box", "duplicate"
LABEL_KINDS = (OVERLOOKED, CLASS, BOX, DUPLICATE)
_REDRAWN_BELOW_IOU = 0.65
_SAME_PLACE_IOU = 0.5
NEW = -1  # the row of an object that is not annotated yet


@dataclasses.dataclass(frozen=True)
class Suspicion:
    """One label that may be wrong, and what it would be.

    Attributes:
        kind: of LABEL_KINDS.
        image: index into the caller's list of image ids.
        ground_truth: row of the object; -1 for one that would be added.
        class_id: that it would have; of a duplicate that it has.
        box_xywh: that it would have, pixels; of a duplicate that it has; of a class
            that of the detection, while the object keeps its own.
        sureness: in 0..1.
        price: AP gained if it is so.
    """

    kind: str
    image: int
    ground_truth: int
    class_id: int
    box_xywh: tuple[float, float, float, float]
    sureness: float
    price: float = 0.0


def priced_labels(
    truth: GroundTruths,
    found: Detections,
    *,
    num_classes: int,
    difficult: DifficultMode = "ignore",
    min_score: float = 0.3,
    most: int = 2000,
) -> list[Suspicion]:
    """Suspicions that AP would gain by, the most valuable first.

    Detections below `min_score` are no evidence; the `most` surest are priced.
    """
    evidence = found.take(found.score >= min_score)
    assignment = assign(truth, evidence, num_classes=num_classes, difficult=difficult)
    raised = sorted(
        [*_by_detections(assignment), *_duplicates(assignment)],
        key=lambda one: -one.sureness,
    )[:most]
    market = _Market(truth, found, num_classes, difficult)
    priced = [dataclasses.replace(one, price=market.price(one)) for one in raised]
    worth = [one for one in priced if one.price > 0]
    return _one_a_place(sorted(worth, key=lambda one: -one.price * one.sureness))


def mended(truth: GroundTruths, suspicions: Collection[Suspicion]) -> GroundTruths:
    """The objects as they would be; added ones stand last."""
    class_id, boxes = truth.class_id.copy(), truth.boxes_xywh.copy()
    area, kept = truth.area_px2.copy(), np.ones(len(truth), bool)
    for one in suspicions:
        row = one.ground_truth
        if one.kind == DUPLICATE:
            kept[row] = False
        elif row != NEW:
            class_id[row] = one.class_id
            if one.kind == BOX:
                boxes[row] = one.box_xywh
                area[row] = one.box_xywh[2] * one.box_xywh[3]
    added = [one for one in suspicions if one.ground_truth == NEW]
    new_boxes = np.array([one.box_xywh for one in added]).reshape(-1, 4)
    none = np.zeros(len(added), bool)
    images = np.array([one.image for one in added], np.int64)
    classes = np.array([one.class_id for one in added], np.int64)
    return GroundTruths(
        np.append(truth.image[kept], images),
        np.append(class_id[kept], classes),
        np.concatenate([boxes[kept], new_boxes]),
        np.append(area[kept], area_px2(new_boxes)),
        np.append(truth.crowd[kept], none),
        np.append(truth.difficult[kept], none),
    )


class _Market:
    """AP now, and with a label mended: only the classes that it touches are redone."""

    def __init__(
        self,
        truth: GroundTruths,
        found: Detections,
        num_classes: int,
        difficult: DifficultMode,
    ) -> None:
        self._truth, self._found, self._difficult = truth, found, difficult
        images = (truth.image, found.image)
        self._images = max((int(i.max()) + 1 for i in images if len(i)), default=0)
        self._now = self._ap(truth, range(num_classes))

    def price(self, one: Suspicion) -> float:
        """AP gained if it is so."""
        truth = mended(self._truth, [one])
        touched = {one.class_id}
        if one.ground_truth != NEW:
            touched.add(int(self._truth.class_id[one.ground_truth]))
        return _mean(self._now | self._ap(truth, sorted(touched))) - _mean(self._now)

    def _ap(self, truth: GroundTruths, classes: Sequence[int]) -> dict[int, float]:
        """Class -> its AP@[.50:.95], -1 without an object."""
        truth = truth.take(np.isin(truth.class_id, classes))
        found = self._found.take(np.isin(self._found.class_id, classes))
        names = [str(number) for number in classes]
        summary = coco_summary(
            dataclasses.replace(
                truth, class_id=np.searchsorted(classes, truth.class_id)
            ),
            dataclasses.replace(
                found, class_id=np.searchsorted(classes, found.class_id)
            ),
            image_ids=np.arange(self._images),
            class_names=names,
            difficult=self._difficult,
        )
        return {int(name): summary.per_class[name]["AP"] for name in names}


def _mean(values: dict[int, float]) -> float:
    defined = [value for value in values.values() if value >= 0]
    return float(np.mean(defined)) if defined else 0.0


def _by_detections(assignment: Assignment) -> Iterator[Suspicion]:
    """What detections say of labels: overlooked, class and box."""
    found = assignment.detections
    errors = classify_errors(assignment)
    open_truth = assignment.counts.copy()
    open_truth[assignment.ground_truth[assignment.hit]] = False
    hit_iou = _iou_of_hits(assignment)
    usual = np.sort(hit_iou[assignment.hit])
    for row in range(len(found)):
        kind = KINDS[errors.kind[row]] if errors.kind[row] != NOBODY else ""
        target = int(errors.points_at[row])
        if kind in ("background", "both"):
            yield _of_detection(found, row, OVERLOOKED, NEW)
        elif kind == "classification" and open_truth[target]:
            yield _of_detection(found, row, CLASS, target)
        elif kind == "localisation" and open_truth[target]:
            yield _of_detection(found, row, BOX, target)
        elif assignment.hit[row] and hit_iou[row] < _REDRAWN_BELOW_IOU:
            target = int(assignment.ground_truth[row])
            better = 1 - np.searchsorted(usual, hit_iou[row], "right") / len(usual)
            loose = _of_detection(found, row, BOX, target)
            yield dataclasses.replace(loose, sureness=loose.sureness * float(better))


def _of_detection(
    found: Detections, row: int, kind: str, ground_truth: int
) -> Suspicion:
    left, top, width, height = found.boxes_xywh[row].tolist()
    return Suspicion(
        kind=kind,
        image=int(found.image[row]),
        ground_truth=ground_truth,
        class_id=int(found.class_id[row]),
        box_xywh=(left, top, width, height),
        sureness=float(found.score[row]),
    )


def _duplicates(assignment: Assignment) -> Iterator[Suspicion]:
    """Of two objects in one place the one that a detection did not choose."""
    truth = assignment.ground_truths
    counting = np.flatnonzero(assignment.counts)
    group = truth.image[counting] * assignment.num_classes + truth.class_id[counting]
    order = counting[np.argsort(group, kind="stable")]
    pairs = find_candidates(
        np.sort(group),
        truth.boxes_xywh[order],
        group,
        truth.boxes_xywh[counting],
        np.zeros(len(counting), bool),
        _SAME_PLACE_IOU,
    )
    chosen = np.zeros(len(truth), bool)
    chosen[assignment.ground_truth[assignment.hit]] = True
    told: set[int] = set()
    for a, b, iou in zip(
        order[pairs.detection], counting[pairs.ground_truth], pairs.iou, strict=True
    ):
        if a >= b:
            continue
        row = int(a if chosen[b] and not chosen[a] else b)
        if row in told:
            continue
        told.add(row)
        left, top, width, height = truth.boxes_xywh[row].tolist()
        yield Suspicion(
            kind=DUPLICATE,
            image=int(truth.image[row]),
            ground_truth=row,
            class_id=int(truth.class_id[row]),
            box_xywh=(left, top, width, height),
            sureness=float(iou),
        )


def _iou_of_hits(assignment: Assignment) -> NDArray[np.float64]:
    """[D] IoU of each hit with its object; 0 for others."""
    iou = np.zeros(len(assignment.detections))
    for row in np.flatnonzero(assignment.hit):
        target = assignment.ground_truth[row]
        iou[row] = box_iou(
            assignment.detections.boxes_xywh[row],
            assignment.ground_truths.boxes_xywh[target],
        )
    return iou


def _one_a_place(ranked: Sequence[Suspicion]) -> list[Suspicion]:
    """Without those about an object, or a place, that one before is about."""
    kept: dict[int, list[Suspicion]] = {}
    first = []
    for one in ranked:
        others = kept.setdefault(one.image, [])
        if not any(_same_place(one, other) for other in others):
            others.append(one)
            first.append(one)
    return first


def _same_place(one: Suspicion, other: Suspicion) -> bool:
    if one.ground_truth != NEW and one.ground_truth == other.ground_truth:
        return True
    return box_iou(one.box_xywh, other.box_xywh) >= _SAME_PLACE_IOU


def box_iou(
    a: Sequence[float] | NDArray[np.float64], b: Sequence[float] | NDArray[np.float64]
) -> float:
    """IoU of two xywh boxes; 0 where the union is empty."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = a[2] * a[3] + b[2] * b[3] - common
    return float(common / union) if union > 0 else 0.0
