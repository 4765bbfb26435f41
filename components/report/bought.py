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
from schemas.counted import counted
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
      images: with labels that are counted in `kinds`.
      kinds: of ADDED, GONE, RENAMED, REDRAWN -> how many.
      changed_since: labels that are no longer as they were mended, be it a flag alone;
        they count as they are, before and after.
      unreadable: images with a record that somebody has damaged.
      models: one or two.
    """

    images: int
    kinds: Mapping[str, int]
    changed_since: int
    unreadable: int
    models: tuple[ModelBought, ...]

    def __str__(self) -> str:
        said = []
        count = sum(self.kinds.values())
        if count:
            kinds = ", ".join(f"{number} {kind}" for kind, number in self.kinds.items())
            labels = counted(count, "mended label")
            said.append(f"{labels} ({kinds}) in {counted(self.images, 'image')}.")
        if self.changed_since:
            labels = counted(self.changed_since, "mended label")
            verb = "was" if self.changed_since == 1 else "were"
            said.append(f"{labels} {verb} changed again since.")
        if self.unreadable:
            images = counted(self.unreadable, "image")
            said.append(f"The record in {images} cannot be read.")
        return " ".join(said)


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
    of_image = _objects(columns)
    kinds: Counter[str] = Counter()
    images = changed = unreadable = 0
    for number, image_id in enumerate(columns.image_ids.tolist()):
        record = facts[image_id].mended
        if not record:
            continue
        try:
            labels = from_text(record)
        except ValueError:
            unreadable += 1
            continue
        places = _places(labels, of_image[number], names)
        of_image[number] = _as_they_were(of_image[number], places, number, names)
        kinds.update(_kind(label) for label, _ in places)
        changed += len(labels) - len(places)
        images += bool(places)
    if not (images or changed or unreadable):
        return None
    was = _ground_truths([one for objects in of_image for one in objects])
    models = tuple(
        ModelBought(
            model,
            _ap(findings, found, was, names),
            _ap(findings, found, found.ground_truths(), findings.class_names),
        )
        for model, found in findings.columns.items()
    )
    return Bought(images, dict(sorted(kinds.items())), changed, unreadable, models)


def _objects(columns: ImageColumns) -> list[list[_Object]]:
    """The objects of each image, in order."""
    of_image: list[list[_Object]] = [[] for _ in columns.image_ids]
    rows = zip(
        columns.gt_image.tolist(),
        columns.gt_classes.tolist(),
        columns.gt_boxes.tolist(),
        columns.gt_difficult.tolist(),
        strict=True,
    )
    for row in rows:
        of_image[row[0]].append(_Object(*row))
    return of_image


def _places(
    labels: Sequence[MendedLabel], objects: Sequence[_Object], names: Sequence[str]
) -> list[tuple[MendedLabel, int | None]]:
    """The labels that are as they were mended, with their object's place.

    None is that of one that went. It is so as long as no object but those of other
    labels is where it was.
    """
    left = dict(enumerate(objects))
    held: list[tuple[MendedLabel, int | None]] = []
    for label in labels:
        if label.now is not None:
            place = _place(label.now, left, names)
            if place is not None and left.pop(place).difficult == label.now.difficult:
                held.append((label, place))
    for label in labels:
        went = label.now is None and label.was
        if went and _place(went, left, names) is None:
            held.append((label, None))
    return held


def _place(
    drawn: DrawnObject, objects: Mapping[int, _Object], names: Sequence[str]
) -> int | None:
    """The first object of that class and box, whatever its flag."""
    for place, one in objects.items():
        same_class = names[one.class_id] == drawn.class_name
        if same_class and np.allclose(one.box, drawn.box, rtol=0, atol=_SAME_PX):
            return place
    return None


def _as_they_were(
    objects: Sequence[_Object],
    places: Sequence[tuple[MendedLabel, int | None]],
    image: int,
    names: list[str],
) -> list[_Object]:
    """The image's objects before; `names` gets classes that have none any more."""
    kept: dict[int, _Object] = dict(enumerate(objects))
    restored: list[_Object] = []
    for label, place in places:
        if place is not None:
            del kept[place]
        if label.was is not None:
            name, box, difficult = label.was
            if name not in names:
                names.append(name)
            was = _Object(image, names.index(name), box, difficult)
            restored.append(was)
    return [*kept.values(), *restored]


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
