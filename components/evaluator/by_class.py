"""Images gone through block by block, a group of classes at a time: bounded memory.

What the metrics know of a class, resamples of the images included, depends on that
class's objects and detections alone; only the images are common to all. So large sets
are gone through once for each group of classes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from components.evaluator.image_columns import ClassCounts, ImageColumns
from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.bootstrap import MatchedImages, Weights, resampled_ap
from trainer.metrics.protocol import CocoProtocol, DifficultMode
from trainer.metrics.summary import CocoSummary, summarise_groups

Floats = npt.NDArray[np.float64]

# Detections that are matched and ranked together: some 100 bytes each at the peak. One
# class may have more.
_DETECTIONS_AT_ONCE = 1 << 20


class Images(Protocol):
    """Images of one model: `ImageColumns` in memory, or `KeptColumns` in files."""

    @property
    def image_ids(self) -> npt.NDArray[np.str_]:
        """[I] sorted."""

    @property
    def width(self) -> npt.NDArray[np.int64]:
        """[I] px; 0 where it is not known."""

    @property
    def height(self) -> npt.NDArray[np.int64]:
        """[I] px; 0 where it is not known."""

    @property
    def brightness(self) -> npt.NDArray[np.float32]:
        """[I] 0..1; NaN where it is not known."""

    @property
    def has_only_numbers(self) -> bool:
        """False where the model gave NaN or infinity."""

    def counts(self, num_classes: int) -> ClassCounts:
        """Objects and detections by class."""

    def blocks(self) -> Iterator[tuple[npt.NDArray[Any], ImageColumns]]:
        """All images, at least one block: their places in `image_ids`, and they."""


class Block(NamedTuple):
    """Some images with what is of a group of classes, numbered from its first.

    Attributes:
      numbers: [i] the images' places among all.
      columns: the images.
      classes: the group.
    """

    numbers: npt.NDArray[Any]
    columns: ImageColumns
    classes: range


def class_groups(images: Images, num_classes: int) -> list[range]:
    """All classes in order, in groups that are matched together; at least one."""
    groups, first, held = [], 0, 0
    for number, size in enumerate(images.counts(num_classes).detections.tolist()):
        if number > first and held + size > _DETECTIONS_AT_ONCE:
            groups.append(range(first, number))
            first, held = number, 0
        held += size
    return [*groups, range(first, num_classes)]


def matched_groups(
    images: Images,
    num_classes: int,
    difficult: DifficultMode,
    protocol: CocoProtocol | None = None,
) -> Iterator[CocoAccumulator]:
    """All images with each group of classes; the detections must be numbers."""
    for classes in class_groups(images, num_classes):
        yield CocoAccumulator.merge(
            [
                evaluate_images(
                    block.columns.ground_truths(),
                    block.columns.detections(),
                    image_ids=block.numbers,
                    num_classes=len(classes),
                    protocol=protocol,
                    difficult=difficult,
                )
                for block in _blocks(images, classes)
            ]
        )


def summary_of(
    images: Images, class_names: Sequence[str], difficult: DifficultMode
) -> CocoSummary | None:
    """COCO's numbers; None where the model gave NaN or infinity."""
    if not images.has_only_numbers:
        return None
    groups = matched_groups(images, len(class_names), difficult)
    return summarise_groups(groups, class_names)


def resampled_classes(
    images: Images,
    num_classes: int,
    match: Callable[[Block], MatchedImages],
    *weights: Weights,
) -> tuple[int, list[Floats]]:
    """Objects that count, and AP [R, K] as `resampled_ap` has it for each weights."""
    objects = 0
    average: list[Floats] = [np.empty((len(drawn), num_classes)) for drawn in weights]
    for classes in class_groups(images, num_classes):
        matched = MatchedImages.merge([match(b) for b in _blocks(images, classes)])
        objects += int(matched.objects.sum())
        for found, drawn in zip(average, weights, strict=True):
            if len(drawn):
                found[:, classes.start : classes.stop] = resampled_ap(matched, drawn)
        del matched  # not held beside the next group
    return objects, average


def _blocks(images: Images, classes: range) -> Iterator[Block]:
    for numbers, columns in images.blocks():
        yield Block(numbers, columns.of_classes(classes), classes)
