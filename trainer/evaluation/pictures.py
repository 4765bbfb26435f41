"""A few eval images with ground truth and detections, the same ones every time."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.image.drawing import (
    DETECTION_COLOUR,
    GROUND_TRUTH_COLOUR,
    LabelledBoxes,
    draw_boxes,
)

SHOWN_FROM_SCORE = 0.3
Kept = Mapping[str, NDArray[Any]]  # by rank


class EvaluationPictures:
    """Keeps `count` images of an evaluation, drawn: green annotated, red detected.

    Which ones depends on the seed and on the images' ids alone, not on their order,
    so that pictures of different steps can be compared.
    """

    def __init__(self, count: int, seed: int, class_names: Sequence[str]) -> None:
        self.count = count
        self.seed = seed
        self.class_names = class_names
        self._kept: dict[str, NDArray[np.uint8]] = {}

    def add(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Look at a batch of frames and what was detected in it."""
        for row, image_id in enumerate(np.asarray(batch["image_ids"])):
            rank = hashlib.sha256(f"{self.seed}/{image_id}".encode()).hexdigest()
            if len(self._kept) >= self.count:
                if not self._kept or rank >= max(self._kept):
                    continue
                del self._kept[max(self._kept)]
            self._kept[rank] = self._drawn(batch, outputs, row)

    def join(self, gather: Callable[[Kept], Iterable[Kept]]) -> None:
        """Keep those that one process would have that looks at every part."""
        kept = {
            rank: image for part in gather(self._kept) for rank, image in part.items()
        }
        self._kept = {rank: kept[rank] for rank in sorted(kept)[: self.count]}

    def pictures(self) -> list[NDArray[np.uint8]]:
        """Those kept, uint8 [H, W, 3], always in the same order."""
        return [self._kept[rank] for rank in sorted(self._kept)]

    def _drawn(
        self, batch: Mapping[str, Any], outputs: Mapping[str, Any], row: int
    ) -> NDArray[np.uint8]:
        truth = np.asarray(batch["gt_classes"])[row]
        found, scores = (np.asarray(outputs[x])[row] for x in ("classes", "scores"))
        shown = (found >= 0) & (scores >= SHOWN_FROM_SCORE)
        captions = [
            f"{self.class_names[number]} {score:.2f}"
            for number, score in zip(found[shown], scores[shown], strict=True)
        ]
        annotated = np.asarray(batch["gt_boxes"])[row][truth >= 0]
        layers = [
            LabelledBoxes(annotated, [""] * len(annotated), GROUND_TRUTH_COLOUR),
            LabelledBoxes(
                np.asarray(outputs["boxes"])[row][shown], captions, DETECTION_COLOUR
            ),
        ]
        frame = Image.fromarray(np.asarray(batch["images"][row]).astype(np.uint8))
        return np.asarray(draw_boxes(frame, layers))
