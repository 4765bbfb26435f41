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

    def draw(
        self, draws: Draws, boxes: tf.Tensor, frame_size: tuple[int, int]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(the colour matrix [4, 3] with its bias last, kept [G]: every box)."""
        import tensorflow as tf

        del frame_size
        happens = draws.happens(self.probability)[0]
        lift = draws.uniform(-self.brightness, self.brightness)[0] * 255.0
        contrast = 1.0 + draws.uniform(-self.contrast, self.contrast)[0]
        colorful = 1.0 + draws.uniform(-self.saturation, self.saturation)[0]
        gray = draws.happens(self.grayscale_probability)[0]
        colorful = tf.where(gray, 0.0, colorful)
        angle = draws.uniform(-self.hue, self.hue)[0] * math.pi
        cos, sin = colorful * tf.cos(angle), colorful * tf.sin(angle)
        # Luma stays; the two colour axes are shrunk and turned.
        turn = tf.reshape(
            tf.stack([1.0, 0.0, 0.0, 0.0, cos, -sin, 0.0, sin, cos]), [3, 3]
        )
        mixed = contrast * (tf.constant(_YIQ_TO_RGB) @ turn @ tf.constant(_RGB_TO_YIQ))
        bias = contrast * lift + (1.0 - contrast) * 127.5
        affine = tf.concat([tf.transpose(mixed), tf.fill([1, 3], bias)], axis=0)
        return tf.where(happens, affine, tf.eye(4, 3)), tf.ones_like(
            boxes[:, 0], "bool"
        )

    @staticmethod
    def paint(pixels: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Float32 [H, W, 3] in 0..255 -> the same; drawn as `draw` gave it."""
        import tensorflow as tf

        colored = tf.reshape(pixels, [-1, 3]) @ drawn[:3] + drawn[3]
        return tf.reshape(tf.clip_by_value(colored, 0.0, 255.0), pixels.shape)
