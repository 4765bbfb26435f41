"""A random crop that leaves no object as a stump."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.affine import matrices, only_if
from trainer.augment.checks import check_fraction, check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class SafeCrop:
    """Cuts out a part of the frame and stretches it over the whole frame.

    A candidate is taken only if every box keeps at least `min_visible` of its area or
    loses all but `max_lost` of it, and at least one box stays (where there are any).
    The first such of `attempts` candidates wins; if none is, nothing is cut.
    """

    side_range: tuple[float, float] = (0.5, 1.0)
    aspect_range: tuple[float, float] = (0.75, 1.33)
    min_visible: float = 0.7
    max_lost: float = 0.1
    attempts: int = 16
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        check_range(self, "side_range", self.side_range, 0.05, 1.0)
        check_range(self, "aspect_range", self.aspect_range, 0.1, 10.0)
        check_fraction(self, "min_visible", self.min_visible)
        check_fraction(self, "max_lost", self.max_lost, high=self.min_visible)
        if self.attempts < 1:
            raise ValueError(f"SafeCrop.attempts must be >= 1, got {self.attempts}")

    def transform(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tf.Tensor:
        """Forward matrices [T, 3, 3]; boxes [T, G, 4] px, padding has no area."""
        import tensorflow as tf

        happens = draws.happens(self.probability)
        candidates = self._candidates(draws, frame_size)
        safe = self._is_safe(candidates, boxes)
        first = tf.argmax(tf.cast(safe, tf.int32), axis=1)
        chosen = tf.gather(candidates, first, axis=1, batch_dims=1)
        x0, y0, x1, y1 = tf.unstack(chosen, axis=1)
        scale_x, scale_y = frame_size[1] / (x1 - x0), frame_size[0] / (y1 - y0)
        rows = [[scale_x, 0.0, -x0 * scale_x], [0.0, scale_y, -y0 * scale_y]]
        happens &= tf.reduce_any(safe, axis=1)
        return only_if(happens, matrices(draws.frames, rows))

    def _candidates(self, draws: Draws, frame_size: tuple[int, int]) -> tf.Tensor:
        """[T, attempts, 4] xyxy px inside the frame."""
        import tensorflow as tf

        height, width = frame_size
        side = draws.uniforms(self.attempts, *self.side_range)
        aspect = tf.sqrt(draws.uniforms(self.attempts, *self.aspect_range))
        crop_w = tf.minimum(side / aspect, 1.0) * width
        crop_h = tf.minimum(side * aspect, 1.0) * height
        x0 = draws.uniforms(self.attempts) * (width - crop_w)
        y0 = draws.uniforms(self.attempts) * (height - crop_h)
        return tf.stack([x0, y0, x0 + crop_w, y0 + crop_h], axis=-1)

    def _is_safe(self, candidates: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """Bool [T, attempts]."""
        import tensorflow as tf

        low = tf.maximum(candidates[:, :, None, :2], boxes[:, None, :, :2])
        high = tf.minimum(candidates[:, :, None, 2:], boxes[:, None, :, 2:])
        inside = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
        area = tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)[:, None]
        real = area > 0
        visible = tf.math.divide_no_nan(inside, area)
        kept = real & (visible >= self.min_visible)
        stump = real & ~kept & (visible > self.max_lost)
        keeps_one = tf.reduce_any(kept, axis=2) | ~tf.reduce_any(real, axis=2)
        return keeps_one & ~tf.reduce_any(stump, axis=2)
