"""Two images shown through one another."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.checks import check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixUp:
    """Blends a second image in; the boxes of both are kept with full weight.

    `ratio_range` is the weight of the second image. Near one half, as in "Bag of
    Freebies for Training Object Detection" (arXiv 1902.04103), both stay visible.
    """

    ratio_range: tuple[float, float] = (0.35, 0.5)
    probability: float = 0.15

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        check_range(self, "ratio_range", self.ratio_range, 0.0, 1.0)

    def blend(self, draws: Draws, image: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """Two [H, W, 3] images of one dtype -> their blend in that dtype."""
        import tensorflow as tf

        ratio = draws.uniform(*self.ratio_range)[0]
        first, second = tf.cast(image, tf.float32), tf.cast(other, tf.float32)
        return tf.cast(first + (second - first) * ratio + 0.5, image.dtype)
