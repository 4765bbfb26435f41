"""What was found in the slices of a split that a config names.

They are cut out of what TFMA handed on, not by its own slicing: that knows slices of
examples alone, not of the objects in them, and gives no resamples.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.evaluator.config import SliceFloor
from components.evaluator.image_columns import ImageColumns
from components.evaluator.judgement import SliceEvidence
from trainer.metrics.bootstrap import (
    MatchedImages,
    Weights,
    match_for_bootstrap,
    mean_ap,
    resampled_ap,
)
from trainer.metrics.box_columns import Detections
from trainer.metrics.protocol import COCO_AREA_RANGES, AreaRange, DifficultMode

Mask = npt.NDArray[np.bool_]


def slice_evidence(
    floor: SliceFloor,
    candidate: ImageColumns,
    baseline: ImageColumns | None,
    *,
    class_names: Sequence[str],
    difficult: DifficultMode,
    weights: Weights,
) -> SliceEvidence:
    """Measures one slice.

    Args:
      floor: the slice and its bounds.
      candidate: what the candidate found on the split.
      baseline: what the served model found on the same images, or None.
      class_names: by class id.
      difficult: how objects flagged difficult count.
      weights: [R, I] how often each image is drawn in each resample; none, [0, I],
        where only the split itself is asked about.
    """
    chosen = chosen_images(floor, candidate)
    as_it_is = np.ones((int(chosen.sum()), 1), weights.dtype)
    asked = np.concatenate([as_it_is, weights.T[chosen]], axis=1).T

    def measure(columns: ImageColumns) -> tuple[int, npt.NDArray[np.float64]]:
        matched = MatchedImages.merge(
            [
                _matched(floor, block.only(chosen[images]), class_names, difficult)
                for images, block in columns.blocks()
            ]
        )
        average = mean_ap(resampled_ap(matched, asked))
        # Of a model that gave NaN, nothing is known but the objects.
        known = average if columns.has_only_numbers else np.full_like(average, np.nan)
        return int(matched.objects.sum()), known

    objects, own = measure(candidate)
    served = np.full_like(own, np.nan) if baseline is None else measure(baseline)[1]
    changes = (own - served)[1:]
    return SliceEvidence(
        floor=floor,
        objects=objects,
        candidate=_number(own[0]),
        served=_number(served[0]),
        changes=changes[~np.isnan(changes)].tolist(),
    )


def chosen_images(floor: SliceFloor, columns: ImageColumns) -> Mask:
    """[I] the images of the slice; one of which nothing is known is in none."""
    chosen = np.ones(len(columns.image_ids), bool)
    area = columns.width.astype(np.float64) * columns.height
    for ends, values in (
        (floor.image_side, np.where(area > 0, np.sqrt(area), np.nan)),
        (floor.brightness, columns.brightness),
    ):
        if ends is not None:
            chosen &= (values >= ends[0]) & (values <= ends[1])
    return chosen


def _matched(
    floor: SliceFloor,
    columns: ImageColumns,
    class_names: Sequence[str],
    difficult: DifficultMode,
) -> MatchedImages:
    """The images of a slice, with the objects and detections of its class alone."""
    ground_truths = columns.ground_truths()
    detections = (
        columns.detections() if columns.has_only_numbers else Detections([], [], [], [])  # type: ignore[arg-type]
    )
    if floor.class_name:
        number = _class_id(floor, class_names)
        ground_truths = ground_truths.take(ground_truths.class_id == number)
        detections = detections.take(detections.class_id == number)
    area = COCO_AREA_RANGES[0]
    if floor.object_side:
        low, high = (side**2 for side in floor.object_side)
        area = AreaRange(floor.name, low, high)
    return match_for_bootstrap(
        ground_truths,
        detections,
        num_images=len(columns.image_ids),
        num_classes=len(class_names),
        difficult=difficult,
        area_range=area,
    )


def _class_id(floor: SliceFloor, class_names: Sequence[str]) -> int:
    """A class that nobody knows has an id that no object has."""
    known = floor.class_name in class_names
    return class_names.index(floor.class_name) if known else -1


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
