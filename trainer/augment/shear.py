"""Slant along x and y."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.affine import about_center, only_if
from trainer.augment.checks import check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shear:
    """x grows by factor_x * y and y by factor_y * x, about the centre of the frame."""

    x_range: tuple[float, float] = (-0.2, 0.2)
    y_range: tuple[float, float] = (-0.2, 0.2)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        # Factors below 1 keep the map invertible: its determinant is 1 - x * y.
        check_range(self, "x_range", self.x_range, -0.9, 0.9)
        check_range(self, "y_range", self.y_range, -0.9, 0.9)

    def transform(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tf.Tensor:
        """Forward matrices [T, 3, 3]; boxes [T, G, 4] are not looked at."""
        del boxes
        happens = draws.happens(self.probability)
        factor_x, factor_y = draws.uniform(*self.x_range), draws.uniform(*self.y_range)
        linear = [[1.0, factor_x], [factor_y, 1.0]]
        return only_if(happens, about_center(draws.frames, linear, frame_size))
