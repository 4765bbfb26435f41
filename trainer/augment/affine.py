"""Matrices [T, 3, 3] that move the pixels of T frames to where they go.

Points are continuous pixel coordinates (the centre of the first pixel is .5, .5), so
a matrix moves a half-open xyxy box exactly as it moves the pixels inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def matrices(frames: int, rows: list[list[float | tf.Tensor]]) -> tf.Tensor:
    """[2][3] numbers or tensors [T] -> float32 [T, 3, 3] with the last row 0 0 1."""
    import tensorflow as tf

    entries = [entry for row in [*rows, [0.0, 0.0, 1.0]] for entry in row]
    columns = [
        tf.fill([frames], entry) if isinstance(entry, float) else entry
        for entry in entries
    ]
    return tf.reshape(tf.stack(columns, axis=1), [frames, 3, 3])


def about_center(
    frames: int, linear: list[list[float | tf.Tensor]], frame_size: tuple[int, int]
) -> tf.Tensor:
    """A linear [2][2] map that leaves the centre of the (height, width) frame fixed."""
    center_x, center_y = frame_size[1] / 2, frame_size[0] / 2
    (a, b), (c, d) = linear
    return matrices(
        frames,
        [
            [a, b, center_x - a * center_x - b * center_y],
            [c, d, center_y - c * center_x - d * center_y],
        ],
    )


def only_if(condition: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """The transforms where the condition [T] holds, else the identity."""
    import tensorflow as tf

    return tf.where(condition[:, None, None], transforms, tf.eye(3))


def move_boxes(boxes: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Upright hulls of the moved boxes. boxes [T, G, 4] xyxy px -> same, unclipped."""
    import tensorflow as tf

    # A hull's centre moves as a point; its half sides by the magnitudes.
    center = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = (boxes[..., 2:] - boxes[..., :2]) / 2
    linear, offset = transforms[:, :2, :2], transforms[:, None, :2, 2]
    center = tf.matmul(center, linear, transpose_b=True) + offset
    half = tf.matmul(half, tf.abs(linear), transpose_b=True)
    return tf.concat([center - half, center + half], axis=-1)
