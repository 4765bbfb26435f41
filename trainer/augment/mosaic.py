"""Four images joined into one frame."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.affine import matrices
from trainer.augment.checks import check_probability, check_range

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.augment.draws import Draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mosaic:
    """Splits the frame at a random point and fills each quarter with another image.

    An image covers its quarter and is then enlarged by a factor from `zoom_range`, so
    objects are shown at about half their size and cut at the quarter's border. A box
    that is cut follows `InputConfig.min_box_visibility`.
    """

    center_range: tuple[float, float] = (0.3, 0.7)
    zoom_range: tuple[float, float] = (1.0, 1.8)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        check_range(self, "center_range", self.center_range, 0.1, 0.9)
        check_range(self, "zoom_range", self.zoom_range, 1.0, 10.0)

    def center(self, draws: Draws, frame_size: tuple[int, int]) -> tf.Tensor:
        """Where the four quarters meet: int32 [2] y, x in whole pixels."""
        import tensorflow as tf

        rel = draws.uniforms(2, *self.center_range)[0]
        return tf.cast(tf.round(rel * tf.constant(frame_size, tf.float32)), tf.int32)

    def placement(
        self, draws: Draws, content: tf.Tensor, quarters: tf.Tensor
    ) -> tf.Tensor:
        """Matrices [4, 3, 3] from an image's own frame to the joined frame.

        content: [4, 4] xyxy px, where each image lies in its own letterboxed frame.
        quarters: [4, 4] xyxy px, what each image will fill.
        """
        import tensorflow as tf

        content_size = content[:, 2:] - content[:, :2]
        quarter_size = quarters[:, 2:] - quarters[:, :2]
        cover = tf.reduce_max(quarter_size / content_size, axis=1)
        scale = cover * draws.uniform(*self.zoom_range)
        spare = scale[:, None] * content_size - quarter_size
        where = draws.uniforms(2)
        move = quarters[:, :2] - where * spare - scale[:, None] * content[:, :2]
        dx, dy = tf.unstack(move, axis=1)
        return matrices(4, [[scale, 0.0, dx], [0.0, scale, dy]])
