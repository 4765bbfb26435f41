"""The change against the served model, and how much of it chance may be."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from components.evaluator.image_columns import ImageColumns
from trainer.metrics.bootstrap import (
    MatchedImages,
    Weights,
    match_for_bootstrap,
    mean_ap,
    resampled_ap,
)
from trainer.metrics.protocol import DifficultMode

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Differences:
    """Candidate less baseline, in AP@[.50:.95], on the same resampled images.

    Attributes:
      mean_ap: [R] of mAP; NaN where a resample holds no object.
      by_class: class name -> [R] of the class's AP; NaN where a resample lacks it.
    """

    mean_ap: Floats
    by_class: Mapping[str, Floats]


def bootstrap_differences(
    candidate: ImageColumns,
    baseline: ImageColumns,
    *,
    class_names: Sequence[str],
    difficult: DifficultMode,
    weights: Weights,
) -> Differences | None:
    """Resamples the images of both models together; None where one gave no numbers.

    weights [R, I]: how often each image is drawn in each resample (`draw_images`).

    Raises ValueError where the two were not asked about the same images.
    """
    if not np.array_equal(candidate.image_ids, baseline.image_ids):
        raise ValueError("candidate and baseline were asked about different images")
    if not (candidate.has_only_numbers and baseline.has_only_numbers):
        return None

    def match(columns: ImageColumns) -> MatchedImages:
        return MatchedImages.merge(
            [
                match_for_bootstrap(
                    block.ground_truths(),
                    block.detections(),
                    num_images=len(block.image_ids),
                    num_classes=len(class_names),
                    difficult=difficult,
                )
                for _, block in columns.blocks()
            ]
        )

    own, served = (
        resampled_ap(match(columns), weights) for columns in (candidate, baseline)
    )
    change = own - served
    return Differences(
        mean_ap=mean_ap(own) - mean_ap(served),
        by_class={name: change[:, number] for number, name in enumerate(class_names)},
    )


def counted_objects(
    columns: ImageColumns, class_names: Sequence[str], difficult: DifficultMode
) -> dict[str, int]:
    """Class name -> objects that the metric counts."""
    left_out = columns.gt_difficult & (difficult != "plain")
    counts = np.logical_not(left_out)
    numbers = np.bincount(columns.gt_classes[counts], minlength=len(class_names))
    return dict(zip(class_names, numbers.tolist(), strict=True))
