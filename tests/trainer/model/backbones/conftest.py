import numpy as np
import pytest

from trainer.model.retinanet import PIXEL_MEAN, PIXEL_STD


def pixels(height, width):
    """A picture by a formula, so that another program can make the same one."""
    y, x, c = np.meshgrid(
        np.arange(height), np.arange(width), np.arange(3), indexing="ij"
    )
    return ((3 * y * y + 7 * x * (c + 1) + x * y) % 256).astype("float32")


@pytest.fixture(scope="session")
def picture():
    """Height, width -> one picture as a backbone of ours gets it, [1, H, W, 3]."""
    mean, std = np.float32(PIXEL_MEAN), np.float32(PIXEL_STD)
    return lambda height, width: ((pixels(height, width) - mean) / std)[None]


@pytest.fixture(scope="session")
def corners():
    """Feature map -> first channels of its first cell, last of its last one."""

    def corners(features, count):
        values = np.asarray(features)[0]
        return [*values[0, 0, :count], *values[-1, -1, -count:]]

    return corners
