"""Four images joined into one frame."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trainer.augment.affine import matrix
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

        y = draws.uniform(*self.center_range) * frame_size[0]
        x = draws.uniform(*self.center_range) * frame_size[1]
        return tf.cast(tf.round(tf.stack([y, x])), tf.int32)

    def tile_transform(
        self, draws: Draws, content: tf.Tensor, tile: tf.Tensor
    ) -> tf.Tensor:
        """Matrix [3, 3] from the frame that holds an image to the joined frame.

        content: [4] xyxy px, where the image lies in its own letterboxed frame.
        tile: [4] xyxy px, the quarter that the image will fill.
        """
        import tensorflow as tf

        content_size, tile_size = content[2:] - content[:2], tile[2:] - tile[:2]
        cover = tf.reduce_max(tile_size / content_size)
        scale = cover * draws.uniform(*self.zoom_range)
        spare = scale * content_size - tile_size
        where = tf.stack([draws.uniform(), draws.uniform()])
        dx, dy = tf.unstack(tile[:2] - where * spare - scale * content[:2])
        return matrix([[scale, 0.0, dx], [0.0, scale, dy]])
