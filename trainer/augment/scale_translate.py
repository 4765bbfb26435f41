"""Zoom about the centre, then move."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.affine import matrices, only_if
from trainer.augment.checks import check_fraction, check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaleTranslate:
    """Zooms by a factor from `scale_range`, then moves by up to a part of the frame."""

    scale_range: tuple[float, float] = (0.75, 1.33)
    max_translate_rel: float = 0.1
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        check_range(self, "scale_range", self.scale_range, 0.05, 20.0)
        check_fraction(self, "max_translate_rel", self.max_translate_rel)

    def transform(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tf.Tensor:
        """Forward matrices [T, 3, 3]; boxes [T, G, 4] are not looked at."""
        import tensorflow as tf

        del boxes
        happens = draws.happens(self.probability)
        # Uniform in the logarithm: halving is as likely as doubling.
        low, high = self.scale_range
        scale = low * tf.pow(high / low, draws.uniform())
        reach = self.max_translate_rel
        dx = draws.uniform(-reach, reach) * frame_size[1]
        dy = draws.uniform(-reach, reach) * frame_size[0]
        # The centre of the frame stays where it is, apart from the move.
        dx += (1.0 - scale) * (frame_size[1] / 2)
        dy += (1.0 - scale) * (frame_size[0] / 2)
        rows = [[scale, 0.0, dx], [0.0, scale, dy]]
        return only_if(happens, matrices(draws.frames, rows))
