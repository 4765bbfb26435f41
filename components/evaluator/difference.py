"""The change against the served model, and how much of it chance may be."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from components.evaluator.by_class import Block, Images, resampled_classes
from trainer.metrics.bootstrap import (
    MatchedImages,
    Weights,
    match_for_bootstrap,
    mean_ap,
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
    candidate: Images,
    baseline: Images,
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

    def match(block: Block) -> MatchedImages:
        return match_for_bootstrap(
            block.columns.ground_truths(),
            block.columns.detections(),
            num_images=len(block.numbers),
            num_classes=len(block.classes),
            difficult=difficult,
            numbers=block.numbers,
        )

    own, served = (
        resampled_classes(images, len(class_names), match, weights)[1][0]
        for images in (candidate, baseline)
    )
    change = own - served
    return Differences(
        mean_ap=mean_ap(own) - mean_ap(served),
        by_class={name: change[:, number] for number, name in enumerate(class_names)},
    )


def counted_objects(
    images: Images, class_names: Sequence[str], difficult: DifficultMode
) -> dict[str, int]:
    """Class name -> objects that the metric counts."""
    counts = images.counts(len(class_names))
    left_out = counts.difficult if difficult != "plain" else 0
    numbers = counts.objects - left_out
    return dict(zip(class_names, numbers.tolist(), strict=True))
