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

    def draw(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """([7]: xyxy in whole px and a colour, kept [G]: the boxes still seen)."""
        import tensorflow as tf

        rectangle = self._rectangle(draws, frame_size)
        color = draws.uniforms(3, 0.0, 255.0)[0]
        low = tf.maximum(rectangle[:2], boxes[:, :2])
        high = tf.minimum(rectangle[2:], boxes[:, 2:])
        hidden = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
        area = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
        return tf.concat([rectangle, color], 0), hidden <= self.max_covered * area

    @staticmethod
    def paint(pixels: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Float32 [H, W, 3] in 0..255 -> the same; drawn as `draw` gave it."""
        import tensorflow as tf

        left, top, right, bottom = tf.unstack(drawn[:4])
        x = tf.range(pixels.shape[1], dtype=tf.float32)[None, :, None]
        y = tf.range(pixels.shape[0], dtype=tf.float32)[:, None, None]
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        return tf.where(inside, drawn[4:], pixels)

    def _rectangle(self, draws: Draws, frame_size: tuple[int, int]) -> tf.Tensor:
        """[4] xyxy in whole px; without area if nothing is to be erased."""
        import tensorflow as tf

        frame = tf.constant(frame_size[::-1], tf.float32)
        happens = draws.happens(self.probability)
        side = tf.where(happens, tf.sqrt(draws.uniform(*self.area_range)), 0.0)
        aspect = tf.sqrt(draws.uniform(*self.aspect_range))
        rel = tf.minimum(tf.concat([side / aspect, side * aspect], axis=0), 1.0)
        low = draws.uniforms(2)[0] * (1.0 - rel) * frame
        return tf.round(tf.concat([low, low + rel * frame], axis=0))
