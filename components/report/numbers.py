"""The tables of the page: quality by class, by size of object, by kind of image."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components.evaluator.difference import counted_objects
from components.evaluator.image_columns import ImageColumns
from components.evaluator.slices import chosen_images, slice_evidence
from components.report.findings import CANDIDATE, SERVED, Findings, ImageFacts
from schemas.boxes import area_px2, to_xywh
from trainer.metrics.protocol import COCO_AREA_RANGES
from trainer.metrics.summary import coco_summary

_AREA_METRICS = dict(zip(COCO_AREA_RANGES[1:], ("APs", "APm", "APl"), strict=True))


@dataclasses.dataclass(frozen=True)
class Row:
    """One class, size or slice. AP in 0..1, None where there is nothing to find.

    `ap50` is of the candidate, and only told by class.
    """

    name: str
    objects: int
    images: int | None
    candidate: float | None
    served: float | None = None
    ap50: float | None = None

    @property
    def change(self) -> float | None:
        """Candidate less served."""
        if self.candidate is None or self.served is None:
            return None
        return self.candidate - self.served


def by_class(findings: Findings) -> list[Row]:
    """A row a class, in the order of the label map."""
    columns = findings.columns[CANDIDATE]
    objects = counted_objects(columns, findings.class_names, findings.difficult)
    counts = _counted(findings, columns)
    of = findings.metrics[findings.split]
    return [
        Row(
            name,
            objects[name],
            len(np.unique(columns.gt_image[counts & (columns.gt_classes == number)])),
            of[CANDIDATE].get(f"AP/{name}"),
            of.get(SERVED, {}).get(f"AP/{name}"),
            of[CANDIDATE].get(f"AP50/{name}"),
        )
        for number, name in enumerate(findings.class_names)
    ]


def by_size(findings: Findings) -> list[Row]:
    """COCO's three sizes of objects."""
    columns = findings.columns[CANDIDATE]
    counts = _counted(findings, columns)
    area = area_px2(to_xywh(columns.gt_boxes))
    of = findings.metrics[findings.split]
    rows = []
    for size, metric in _AREA_METRICS.items():
        inside = counts & (area >= size.low_px2) & (area <= size.high_px2)
        low, high = f"{size.low_px2**0.5:.0f}", f"{size.high_px2**0.5:.0f}"
        sides = f"from {low}" if size.high_px2 >= 1e9 else f"{low} to {high}"
        rows.append(
            Row(
                f"{size.name}: {sides} px squared",
                int(inside.sum()),
                len(np.unique(columns.gt_image[inside])),
                of[CANDIDATE].get(metric),
                of.get(SERVED, {}).get(metric),
            )
        )
    return rows


def _counted(findings: Findings, columns: ImageColumns) -> NDArray[np.bool_]:
    """[G] whether an object is to be found."""
    return ~columns.gt_difficult | (findings.difficult == "plain")


def by_slice(findings: Findings, facts: Mapping[str, ImageFacts]) -> list[Row]:
    """Thirds of the images by brightness, size, and how many objects they hold.

    The size is the side of a square of the same area.
    """
    columns = findings.columns[CANDIDATE]
    known = [facts[str(image_id)] for image_id in columns.image_ids]
    measures = {
        "brightness {}": np.array([fact.brightness for fact in known]),
        "image side {} px": np.sqrt([fact.width * fact.height for fact in known]),
        "objects per image {}": np.bincount(
            columns.gt_image, minlength=len(known)
        ).astype(np.float64),
    }
    return [
        _slice_row(findings, name, chosen)
        for measure, values in measures.items()
        for name, chosen in _thirds(measure, values)
    ]


def by_named_slice(findings: Findings) -> list[Row]:
    """A row a slice that the gate's config names, in its order."""
    columns, served = findings.columns[CANDIDATE], findings.columns.get(SERVED)
    no_resample = np.zeros((0, len(columns.image_ids)), np.int32)
    rows = []
    for floor in findings.slices:
        found = slice_evidence(
            floor,
            columns,
            served,
            class_names=findings.class_names,
            difficult=findings.difficult,
            weights=no_resample,
        )
        images = int(chosen_images(floor, columns).sum())
        rows.append(
            Row(floor.name, found.objects, images, found.candidate, found.served)
        )
    return rows


def _thirds(
    measure: str, values: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and images of each third; none where the images are all alike."""
    if not len(values) or np.isnan(values).any() or np.ptp(values) < 1e-3:
        return
    edges = [-np.inf, *np.quantile(values, (1 / 3, 2 / 3)), np.inf]
    for low, high in itertools.pairwise(edges):
        chosen = (values > low) & (values <= high)
        if chosen.any():
            ends = dict.fromkeys(f"{f(values[chosen]):.3g}" for f in (np.min, np.max))
            yield measure.format(" to ".join(ends)), chosen


def _slice_row(findings: Findings, name: str, chosen: NDArray[np.bool_]) -> Row:
    values = {
        model: _mean_ap(columns, chosen, findings)
        for model, columns in findings.columns.items()
    }
    columns = findings.columns[CANDIDATE]
    counts = _counted(findings, columns)
    return Row(
        name,
        int((counts & chosen[columns.gt_image]).sum()),
        int(chosen.sum()),
        values[CANDIDATE],
        values.get(SERVED),
    )


def _mean_ap(
    columns: ImageColumns, chosen: NDArray[np.bool_], findings: Findings
) -> float | None:
    """MAP over some of the images; None where they hold no object, or for NaN."""
    if not columns.has_only_numbers:
        return None
    summary = coco_summary(
        columns.ground_truths().take(chosen[columns.gt_image]),
        columns.detections().take(chosen[columns.image]),
        image_ids=columns.image_ids,
        class_names=findings.class_names,
        difficult=findings.difficult,
    )
    value = summary.metrics["AP"]
    return None if value < 0 else value


def headline(findings: Findings) -> list[dict[str, object]]:
    """A row a split and model with the twelve numbers' first, for a table."""
    names: Sequence[str] = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")
    return [
        {"split": split, "model": model} | {name: values.get(name) for name in names}
        for split, models in findings.metrics.items()
        for model, values in models.items()
    ]
