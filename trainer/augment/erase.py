"""Rectangles of plain colour painted over the frame."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.checks import check_fraction, check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class Erase:
    """Paints one rectangle; an object covered beyond `max_covered` loses its box."""

    area_range: tuple[float, float] = (0.02, 0.15)
    aspect_range: tuple[float, float] = (0.3, 3.3)
    max_covered: float = 0.7
    probability: float = 0.25

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        check_range(self, "area_range", self.area_range, 0.0, 1.0)
        check_range(self, "aspect_range", self.aspect_range, 0.01, 100.0)
        check_fraction(self, "max_covered", self.max_covered)

    def rectangle(
        self, draws: Draws, frame_size: tuple[int, int]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(float32 [4] xyxy in whole px, color float32 [3]); empty if not drawn."""
        import tensorflow as tf

        height, width = frame_size
        happens = draws.happens(self.probability)
        area = draws.uniform(*self.area_range)
        aspect = tf.sqrt(draws.uniform(*self.aspect_range))
        side = tf.where(happens, tf.sqrt(area), 0.0)
        box_w = tf.minimum(side / aspect, 1.0) * width
        box_h = tf.minimum(side * aspect, 1.0) * height
        x0 = draws.uniform() * (width - box_w)
        y0 = draws.uniform() * (height - box_h)
        color = tf.stack([draws.uniform(0.0, 255.0) for _ in range(3)])
        return tf.round(tf.stack([x0, y0, x0 + box_w, y0 + box_h])), color

    def keeps(self, rectangle: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """[G] bool: the boxes [G, 4] of which enough can still be seen."""
        import tensorflow as tf

        low = tf.maximum(rectangle[:2], boxes[:, :2])
        high = tf.minimum(rectangle[2:], boxes[:, 2:])
        hidden = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
        area = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
        return hidden <= self.max_covered * area
