"""A difference hash of an image: alike for what is the same picture to the eye.

After "dHash" (Krawetz, 2013): the picture is shrunk to 9 x 9 grey values; 64 bits say
where it gets brighter to the right, 64 where it gets brighter downwards.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

BITS = 128
MIRRORED_BITS = 120  # of a mirrored picture
# Fewer bits of a kind than this, and the picture is too plain to be told from others.
_LEAST_OF_A_KIND = 32


def fingerprint(plane: Image.Image) -> bytes:
    """A grey image -> 16 bytes; none where it is too plain to be told from others."""
    small = plane.resize((9, 9), Image.Resampling.BOX)
    grey = np.frombuffer(small.tobytes(), np.uint8).reshape(9, 9)
    brighter = np.empty((2, 8, 8), np.bool_)
    np.greater(grey[:8, 1:], grey[:8, :-1], out=brighter[0])
    np.greater(grey[1:, :8], grey[:-1, :8], out=brighter[1])
    mark = np.packbits(brighter).tobytes()
    ones = int.from_bytes(mark).bit_count()
    return mark if _LEAST_OF_A_KIND <= ones <= BITS - _LEAST_OF_A_KIND else b""


def differing_bits(
    left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int16]:
    """[N, 16] and [M, 16] bytes -> [N, M], in how many bits they differ."""
    return _differing(_signs(left), _signs(right), BITS)


def differing_when_mirrored(
    left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int16]:
    """The same if the left pictures are mirrored left to right; of MIRRORED_BITS.

    Their bits follow from those that there are: what got brighter to the right gets
    darker. Of the first column of the mirrored picture nothing is known downwards.
    """
    across, down = np.moveaxis(_signs(left).reshape(-1, 2, 8, 8), 1, 0)
    unknown = np.zeros_like(down[..., :1])
    mirrored_down = np.concatenate([unknown, down[..., :0:-1]], axis=-1)
    mirrored = np.stack([-across[..., ::-1], mirrored_down], axis=1)
    return _differing(mirrored.reshape(-1, BITS), _signs(right), MIRRORED_BITS)


def _signs(marks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """[N, 16] bytes -> [N, 128] of 1 and -1."""
    return np.unpackbits(marks, axis=1).astype(np.float32) * 2 - 1


def _differing(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], known: int
) -> npt.NDArray[np.int16]:
    # The product of signs is their number less twice the number of those that differ.
    return ((known - left @ right.T) / 2).astype(np.int16)
