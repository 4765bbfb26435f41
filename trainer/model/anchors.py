"""Anchor boxes of a feature pyramid, a NumPy constant per image size."""

import numpy as np

from trainer.model.config import AnchorConfig


def level_shape(height: int, width: int, level: int) -> tuple[int, int]:
    """Cells of pyramid level `level` for an image: halved `level` times, rounded up."""
    for _ in range(level):
        height, width = -(-height // 2), -(-width // 2)
    return height, width


def anchors_per_level(
    height: int, width: int, levels: tuple[int, ...], config: AnchorConfig
) -> list[np.ndarray]:
    """Anchors of every level for one image size: list of [A_l, 4] xyxy px, float32.

    Order inside a level: row, column, octave, aspect ratio. Anchors are centred on
    their cells and may reach over the image's border.
    """
    per_level = []
    for level in levels:
        stride = 2**level
        rows, columns = level_shape(height, width, level)
        half_sizes = _sizes(stride, config) / 2
        centers_y, centers_x = np.meshgrid(
            (np.arange(rows) + 0.5) * stride,
            (np.arange(columns) + 0.5) * stride,
            indexing="ij",
        )
        centers = np.stack([centers_x, centers_y], axis=-1)[:, :, None, :]
        boxes = np.concatenate([centers - half_sizes, centers + half_sizes], axis=-1)
        per_level.append(boxes.reshape(-1, 4).astype("float32"))
    return per_level


def _sizes(stride: int, config: AnchorConfig) -> np.ndarray:
    """(width, height) of each anchor of a cell [octaves * ratios, 2], px.

    An aspect ratio changes the shape and keeps the area (RetinaNet section 4).
    """
    octaves = 2 ** (np.arange(config.octaves) / config.octaves)
    sizes = config.scale * stride * octaves[:, None]
    roots = np.sqrt(np.asarray(config.aspect_ratios))[None, :]
    return np.stack([sizes / roots, sizes * roots], axis=-1).reshape(-1, 2)
