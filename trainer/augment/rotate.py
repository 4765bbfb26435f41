"""Turn about the centre of the frame."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from trainer.augment.affine import about_center, only_if
from trainer.augment.checks import check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotate:
    """Turns by an angle from `degrees_range`, clockwise on the screen.

    A box becomes the upright hull of its turned corners, which is larger than a turned
    object that is not a rectangle: keep the angles small.
    """

    degrees_range: tuple[float, float] = (-10.0, 10.0)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        check_range(self, "degrees_range", self.degrees_range, -180.0, 180.0)

    def transform(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tf.Tensor:
        """Forward matrices [T, 3, 3]; boxes [T, G, 4] are not looked at."""
        import tensorflow as tf

        del boxes
        happens = draws.happens(self.probability)
        angle = draws.uniform(*self.degrees_range) * (math.pi / 180)
        cos, sin = tf.cos(angle), tf.sin(angle)
        linear = [[cos, -sin], [sin, cos]]
        return only_if(happens, about_center(draws.frames, linear, frame_size))
