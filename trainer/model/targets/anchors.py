"""Anchor boxes of a feature pyramid."""

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from trainer.model.config import AnchorConfig

Tensor = Any


def level_shape(height: Tensor, width: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """Cells of pyramid level `level` for an image: halved `level` times, rounded up."""
    for _ in range(level):
        height, width = -(-height // 2), -(-width // 2)
    return height, width


def anchors_per_level(
    height: Tensor, width: Tensor, levels: tuple[int, ...], config: AnchorConfig
) -> list[Tensor]:
    """Anchors of every level for one image size: list of [A_l, 4] xyxy px, float32.

    Order inside a level: row, column, octave, aspect ratio. Anchors are centred on
    their cells and may reach over the image's border. They are NumPy constants where
    the size is known, and tensors where `height` and `width` are.
    """
    known = isinstance(height, int) and isinstance(width, int)
    library: Any = np if known else ops
    per_level = []
    for level in levels:
        stride = 2**level
        rows, columns = level_shape(height, width, level)
        half_sizes = (_sizes(stride, config) / 2).astype("float32")
        centers_y, centers_x = library.meshgrid(
            (library.arange(rows, dtype="float32") + 0.5) * stride,
            (library.arange(columns, dtype="float32") + 0.5) * stride,
            indexing="ij",
        )
        centers = library.stack([centers_x, centers_y], axis=-1)[:, :, None, :]
        boxes = library.concatenate(
            [centers - half_sizes, centers + half_sizes], axis=-1
        )
        per_level.append(library.reshape(boxes, (-1, 4)))
    return per_level


def _sizes(stride: int, config: AnchorConfig) -> NDArray[np.float64]:
    """(width, height) of each anchor of a cell [octaves * ratios, 2], px.

    An aspect ratio changes the shape and keeps the area (RetinaNet section 4).
    """
    octaves = 2 ** (np.arange(config.octaves) / config.octaves)
    sizes = config.scale * stride * octaves[:, None]
    roots = np.sqrt(np.asarray(config.aspect_ratios))[None, :]
    return np.stack([sizes / roots, sizes * roots], axis=-1).reshape(-1, 2)
