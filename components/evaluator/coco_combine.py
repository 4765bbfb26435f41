"""Beam face of the COCO metric: images in any order and sharding -> one accumulator."""

import dataclasses
import logging
import math
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from schemas.boxes import to_xywh
from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.protocol import CocoProtocol, DifficultMode

_LOGGER = logging.getLogger(__name__)

# Images matched at once: a call costs milliseconds, an image microseconds.
_IMAGES_AT_ONCE = 256


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredImage:
    """One image's ground truths and detections; boxes are xyxy pixels.

    Attributes:
        image_id: unique in the evaluation; equal scores are ranked by it.
        gt_boxes: [G, 4].
        gt_classes: [G] 0..K-1.
        gt_difficult: [G].
        boxes: [D, 4].
        classes: [D] 0..K-1.
        scores: [D].
        width, height: px; 0 where they are not known.
        brightness: mean of its gray levels, 0..1; NaN where it is not known.
        sha256: of the image's file, hexadecimal; "" where it is not known.
    """

    image_id: str
    gt_boxes: npt.NDArray[np.floating]
    gt_classes: npt.NDArray[np.integer]
    gt_difficult: npt.NDArray[np.bool_]
    boxes: npt.NDArray[np.floating]
    classes: npt.NDArray[np.integer]
    scores: npt.NDArray[np.floating]
    width: int = 0
    height: int = 0
    brightness: float = math.nan
    sha256: str = ""


def are_numbers(
    boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating]
) -> bool:
    """False where the model gave NaN or infinity."""
    return bool(np.isfinite(boxes).all() and np.isfinite(scores).all())


@dataclasses.dataclass
class PartialEvaluation:
    """What a CombineFn has seen: matched images, and some it has yet to match.

    Attributes:
        matched: columns of the matched images; None before the first.
        pending: images to be matched together.
        broken: ids of images whose detections hold NaN or infinity.
    """

    matched: CocoAccumulator | None = None
    pending: list[ScoredImage] = dataclasses.field(default_factory=list)
    broken: tuple[str, ...] = ()


@dataclasses.dataclass(eq=False)
class CombineScoredImages(beam.CombineFn):
    """ScoredImage -> CocoAccumulator, or None where a model gave NaN or infinity.

    Attributes:
        num_classes: classes are 0..num_classes-1.
        difficult: how difficult ground truths count.
        protocol: COCO's unless given.
    """

    num_classes: int
    difficult: DifficultMode = "ignore"
    protocol: CocoProtocol = dataclasses.field(default_factory=CocoProtocol)

    def create_accumulator(self) -> PartialEvaluation:
        """No images."""
        return PartialEvaluation()

    def add_input(
        self, accumulator: PartialEvaluation, element: ScoredImage
    ) -> PartialEvaluation:
        """Keeps the image for a batch; matches the batch when it is full."""
        if not are_numbers(element.boxes, element.scores):
            accumulator.broken += (element.image_id,)
            return accumulator
        accumulator.pending.append(element)
        if len(accumulator.pending) >= _IMAGES_AT_ONCE:
            return self.compact(accumulator)
        return accumulator

    def compact(self, accumulator: PartialEvaluation) -> PartialEvaluation:
        """Matches the images that wait; Beam calls it before it ships the result."""
        parts = [accumulator.matched] if accumulator.matched else []
        if accumulator.pending:
            parts.append(self._match(accumulator.pending))
        matched = CocoAccumulator.merge(parts) if parts else None
        return PartialEvaluation(matched, [], accumulator.broken)

    def merge_accumulators(
        self, accumulators: Iterable[PartialEvaluation]
    ) -> PartialEvaluation:
        """Concatenates; the order does not matter."""
        compacted = [self.compact(accumulator) for accumulator in accumulators]
        parts = [part.matched for part in compacted if part.matched]
        return PartialEvaluation(
            CocoAccumulator.merge(parts) if parts else None,
            [],
            tuple(image_id for part in compacted for image_id in part.broken),
        )

    def extract_output(self, accumulator: PartialEvaluation) -> CocoAccumulator | None:
        """All images; None, with a warning, where detections were not numbers."""
        if accumulator.broken:
            _LOGGER.warning(
                "no metrics: detections of %d images hold NaN or infinity, first %r",
                len(accumulator.broken),
                min(accumulator.broken),
            )
            return None
        matched = self.compact(accumulator).matched
        return self._match([]) if matched is None else matched

    def _match(self, images: list[ScoredImage]) -> CocoAccumulator:
        def column(name: str) -> npt.NDArray[Any]:
            return np.concatenate([getattr(image, name) for image in images] or [[]])

        def image_index(name: str) -> npt.NDArray[np.int64]:
            sizes = [len(getattr(image, name)) for image in images]
            return np.repeat(np.arange(len(images)), sizes)

        return evaluate_images(
            GroundTruths(
                image_index("gt_classes"),
                column("gt_classes"),
                to_xywh(column("gt_boxes")),
                difficult=column("gt_difficult"),
            ),
            Detections(
                image_index("classes"),
                column("classes"),
                to_xywh(column("boxes")),
                column("scores"),
            ),
            image_ids=np.array([image.image_id for image in images], np.str_),
            num_classes=self.num_classes,
            protocol=self.protocol,
            difficult=self.difficult,
        )
