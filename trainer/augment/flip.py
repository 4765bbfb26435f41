"""Left-right mirror."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.affine import matrices, only_if
from trainer.augment.checks import check_probability

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class HorizontalFlip:
    """Mirrors the frame left to right."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self, self.probability)

    def transform(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tf.Tensor:
        """Forward matrices [T, 3, 3]; boxes [T, G, 4] are not looked at."""
        del boxes
        happens = draws.happens(self.probability)
        rows: list[list[float | tf.Tensor]]
        rows = [[-1.0, 0.0, float(frame_size[1])], [0.0, 1.0, 0.0]]
        return only_if(happens, matrices(draws.frames, rows))
