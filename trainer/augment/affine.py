"""3x3 matrices that move source pixels to where they go in the frame.

Points are continuous pixel coordinates (the centre of the first pixel is .5, .5), so
a matrix moves a half-open xyxy box exactly as it moves the pixels inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def matrix(rows: list[list[float | tf.Tensor]]) -> tf.Tensor:
    """[2][3] numbers or scalars -> float32 [3, 3] with the last row 0 0 1."""
    import tensorflow as tf

    return tf.stack(
        [tf.cast(tf.stack(row), tf.float32) for row in [*rows, [0.0, 0.0, 1.0]]]
    )


def translation(dx: float | tf.Tensor, dy: float | tf.Tensor) -> tf.Tensor:
    """Moves by dx, dy pixels."""
    return matrix([[1.0, 0.0, dx], [0.0, 1.0, dy]])


def about_center(
    linear: list[list[float | tf.Tensor]], frame_size: tuple[int, int]
) -> tf.Tensor:
    """A linear [2][2] map that leaves the centre of the (height, width) frame fixed."""
    center_x, center_y = frame_size[1] / 2, frame_size[0] / 2
    (a, b), (c, d) = linear
    return matrix(
        [
            [a, b, center_x - a * center_x - b * center_y],
            [c, d, center_y - c * center_x - d * center_y],
        ]
    )


def only_if(condition: tf.Tensor, transform: tf.Tensor) -> tf.Tensor:
    """The transform where the condition holds, else the identity."""
    import tensorflow as tf

    return tf.where(condition, transform, tf.eye(3))


def move_boxes(boxes: tf.Tensor, transform: tf.Tensor) -> tf.Tensor:
    """Upright hulls of the moved boxes. boxes [G, 4] xyxy px -> [G, 4], unclipped."""
    import tensorflow as tf

    x0, y0, x1, y1 = tf.unstack(boxes, axis=-1)
    corners_x = tf.stack([x0, x1, x0, x1], axis=-1)
    corners_y = tf.stack([y0, y0, y1, y1], axis=-1)
    (a, b, tx), (c, d, ty) = (tf.unstack(row) for row in tf.unstack(transform[:2]))
    moved_x = a * corners_x + b * corners_y + tx
    moved_y = c * corners_x + d * corners_y + ty
    return tf.stack(
        [
            tf.reduce_min(moved_x, axis=-1),
            tf.reduce_min(moved_y, axis=-1),
            tf.reduce_max(moved_x, axis=-1),
            tf.reduce_max(moved_y, axis=-1),
        ],
        axis=-1,
    )
