"""What mended labels bought: the same detections against the labels before and after.

The images are those of the split, all of them; the record of what a label was before is
`schemas.mended_labels`, which ingest carries.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from components.evaluator.image_columns import ImageColumns
from components.report.findings import CANDIDATE, Findings, ImageFacts
from schemas.boxes import to_xywh
from schemas.mended_labels import DrawnObject, MendedLabel, from_text
from trainer.metrics.box_columns import GroundTruths
from trainer.metrics.summary import coco_summary

ADDED, GONE, RENAMED, REDRAWN = "added", "taken away", "renamed", "redrawn"
_SAME_PX = 0.01  # relative coordinates in float32 come back that near


@dataclasses.dataclass(frozen=True)
class ModelBought:
    """AP@[.50:.95] of one model with the labels as they were, and mended."""

    model: str
    before: float | None
    after: float | None

    @property
    def bought(self) -> float | None:
        """By the labels alone."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before


@dataclasses.dataclass(frozen=True)
class Bought:
    """What the mended labels of a split bought.

    Attributes:
      images: with such labels.
      kinds: of ADDED, GONE, RENAMED, REDRAWN -> how many.
      changed_since: labels that are no longer as they were mended; they count as they
        are, before and after.
      unreadable: images with a record that somebody has damaged.
      models: one or two.
    """

    images: int
    kinds: Mapping[str, int]
    changed_since: int
    unreadable: int
    models: tuple[ModelBought, ...]

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        count = sum(self.kinds.values())
        text = f"{count} mended labels ({kinds}) in {self.images} images."
        if self.changed_since:
            text += f" {self.changed_since} more were changed again since."
        if self.unreadable:
            text += f" The record in {self.unreadable} images cannot be read."
        return text


@dataclasses.dataclass
class _Object:
    """An object of an image, to be put back as it was."""

    image: int
    class_id: int
    box: Sequence[float]
    difficult: bool


def bought(findings: Findings, facts: Mapping[str, ImageFacts]) -> Bought | None:
    """Judges every model on both; None where no label of the split was mended."""
    columns = findings.columns[CANDIDATE]
    names = list(findings.class_names)
    objects = _objects(columns)
    kinds: Counter[str] = Counter()
    images = changed = unreadable = 0
    for number, image_id in enumerate(columns.image_ids.tolist()):
        record = facts[image_id].mended
        if not record:
            continue
        images += 1
        try:
            labels = from_text(record)
        except ValueError:
            unreadable += 1
            continue
        for label in labels:
            if _put_back(label, number, objects, names):
                kinds[_kind(label)] += 1
            else:
                changed += 1
    if not images:
        return None
    was = _ground_truths(objects)
    models = tuple(
        ModelBought(
            model,
            _ap(findings, found, was, names),
            _ap(findings, found, found.ground_truths(), findings.class_names),
        )
        for model, found in findings.columns.items()
    )
    return Bought(images, dict(sorted(kinds.items())), changed, unreadable, models)


def _objects(columns: ImageColumns) -> list[_Object]:
    rows = zip(
        columns.gt_image.tolist(),
        columns.gt_classes.tolist(),
        columns.gt_boxes.tolist(),
        columns.gt_difficult.tolist(),
        strict=True,
    )
    return [_Object(*row) for row in rows]


def _put_back(
    label: MendedLabel, image: int, objects: list[_Object], names: list[str]
) -> bool:
    """Makes one label what it was; False where it is no longer as it was mended."""
    place = len(objects)
    if label.now is not None:
        of_image = (n for n, one in enumerate(objects) if one.image == image)
        same = [n for n in of_image if _is(objects[n], label.now, names)]
        if not same:
            return False
        place = same[0]
    objects[place : place + 1] = []
    if label.was is not None:
        name, box, difficult = label.was
        if name not in names:
            names.append(name)  # of which there is no object now
        objects.insert(place, _Object(image, names.index(name), box, difficult))
    return True


def _is(one: _Object, drawn: DrawnObject, names: Sequence[str]) -> bool:
    same_class = names[one.class_id] == drawn.class_name
    return same_class and np.allclose(one.box, drawn.box, rtol=0, atol=_SAME_PX)


def _kind(label: MendedLabel) -> str:
    if label.was is None:
        return ADDED
    if label.now is None:
        return GONE
    return REDRAWN if label.was.class_name == label.now.class_name else RENAMED


def _ground_truths(objects: Sequence[_Object]) -> GroundTruths:
    return GroundTruths(
        np.array([one.image for one in objects], np.int64),
        np.array([one.class_id for one in objects], np.int64),
        to_xywh(np.array([one.box for one in objects], np.float64).reshape(-1, 4)),
        difficult=np.array([one.difficult for one in objects], bool),
    )


def _ap(
    findings: Findings,
    found: ImageColumns,
    truth: GroundTruths,
    names: Sequence[str],
) -> float | None:
    """None where there is nothing to find, or for a model that gave NaN."""
    if not found.has_only_numbers:
        return None
    summary = coco_summary(
        truth,
        found.detections(),
        image_ids=found.image_ids,
        class_names=names,
        difficult=findings.difficult,
    )
    return None if summary.metrics["AP"] < 0 else summary.metrics["AP"]
