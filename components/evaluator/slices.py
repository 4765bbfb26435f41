"""What was found in the slices of a split that a config names.

They are cut out of what TFMA handed on, not by its own slicing: that knows slices of
examples alone, not of the objects in them, and gives no resamples.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.evaluator.by_class import Block, Images, resampled_classes
from components.evaluator.config import SliceFloor
from components.evaluator.judgement import SliceEvidence
from trainer.metrics.bootstrap import (
    MatchedImages,
    Weights,
    match_for_bootstrap,
    mean_ap,
)
from trainer.metrics.box_columns import Detections
from trainer.metrics.protocol import COCO_AREA_RANGES, AreaRange, DifficultMode

Mask = npt.NDArray[np.bool_]


def slice_evidence(
    floor: SliceFloor,
    candidate: Images,
    baseline: Images | None,
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
    as_it_is = np.ones((1, len(chosen)), weights.dtype)

    def match(block: Block) -> MatchedImages:
        return _matched(floor, _only(block, chosen), class_names, difficult)

    def measure(images: Images) -> tuple[int, npt.NDArray[np.float64]]:
        objects, found = resampled_classes(
            images, len(class_names), match, as_it_is, weights
        )
        average = np.concatenate([mean_ap(by_class) for by_class in found])
        # Of a model that gave NaN, nothing is known but the objects.
        known = average if images.has_only_numbers else np.full_like(average, np.nan)
        return objects, known

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


def chosen_images(floor: SliceFloor, images: Images) -> Mask:
    """[I] the images of the slice; one of which nothing is known is in none."""
    chosen = np.ones(len(images.image_ids), bool)
    area = images.width.astype(np.float64) * images.height
    for ends, values in (
        (floor.image_side, np.where(area > 0, np.sqrt(area), np.nan)),
        (floor.brightness, images.brightness),
    ):
        if ends is not None:
            chosen &= (values >= ends[0]) & (values <= ends[1])
    return chosen


def _only(block: Block, chosen: Mask) -> Block:
    """The block's images that are chosen."""
    mask = chosen[block.numbers]
    return block._replace(numbers=block.numbers[mask], columns=block.columns.only(mask))


def _matched(
    floor: SliceFloor,
    block: Block,
    class_names: Sequence[str],
    difficult: DifficultMode,
) -> MatchedImages:
    """The images of a slice, with the objects and detections of its class alone."""
    columns = block.columns
    ground_truths = columns.ground_truths()
    detections = (
        columns.detections() if columns.has_only_numbers else Detections([], [], [], [])  # type: ignore[arg-type]
    )
    if floor.class_name:
        number = _class_id(floor, class_names) - block.classes.start
        ground_truths = ground_truths.take(ground_truths.class_id == number)
        detections = detections.take(detections.class_id == number)
    area = COCO_AREA_RANGES[0]
    if floor.object_side:
        low, high = (side**2 for side in floor.object_side)
        area = AreaRange(floor.name, low, high)
    return match_for_bootstrap(
        ground_truths,
        detections,
        num_images=len(block.numbers),
        num_classes=len(block.classes),
        difficult=difficult,
        area_range=area,
        numbers=block.numbers,
    )


def _class_id(floor: SliceFloor, class_names: Sequence[str]) -> int:
    """A class that nobody knows has an id that no object has."""
    known = floor.class_name in class_names
    return class_names.index(floor.class_name) if known else -1


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
