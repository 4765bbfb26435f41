"""Brightness, contrast, saturation, hue and grey as one 3x4 colour matrix."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from trainer.augment.checks import check_fraction, check_probability

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws

# Rec. 601 luma, and the YIQ axes in which a hue change is a rotation.
_RGB_TO_YIQ = (
    (0.299, 0.587, 0.114),
    (0.59590059, -0.27455667, -0.32134392),
    (0.21153661, -0.52273617, 0.31119955),
)
_YIQ_TO_RGB = (
    (1.0, 0.95598634, 0.6208248),
    (1.0, -0.27201283, -0.64720424),
    (1.0, -1.10674021, 1.70423049),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColorJitter:
    """Each of the four is drawn within +- its field; they act in the order given.

    brightness adds a part of the full scale, contrast scales about mid-grey,
    saturation scales the distance to grey, hue turns by a part of a half circle.
    """

    brightness: float = 0.125
    contrast: float = 0.25
    saturation: float = 0.5
    hue: float = 0.05
    grayscale_probability: float = 0.0
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        for field in dataclasses.fields(self):
            check_fraction(self, field.name, getattr(self, field.name))

    def color_matrix(self, draws: Draws) -> tuple[tf.Tensor, tf.Tensor]:
        """(matrix [3, 3], bias scalar): `rgb @ matrix + bias` on the 0..255 scale."""
        import tensorflow as tf

        happens = draws.happens(self.probability)
        lift = draws.uniform(-self.brightness, self.brightness) * 255.0
        contrast = 1.0 + draws.uniform(-self.contrast, self.contrast)
        colorful = 1.0 + draws.uniform(-self.saturation, self.saturation)
        colorful = tf.where(draws.happens(self.grayscale_probability), 0.0, colorful)
        angle = draws.uniform(-self.hue, self.hue) * math.pi
        cos, sin = colorful * tf.cos(angle), colorful * tf.sin(angle)
        zero, one = tf.zeros([]), tf.ones([])
        turn = tf.stack(
            [
                tf.stack([one, zero, zero]),
                tf.stack([zero, cos, -sin]),
                tf.stack([zero, sin, cos]),
            ]
        )
        mixed = contrast * (tf.constant(_YIQ_TO_RGB) @ turn @ tf.constant(_RGB_TO_YIQ))
        bias = contrast * lift + (1.0 - contrast) * 127.5
        return (
            tf.where(happens, tf.transpose(mixed), tf.eye(3)),
            tf.where(happens, bias, 0.0),
        )
