"""A stored picture and its boxes as people see them: turned upright, as EXIF says."""

import dataclasses
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.exif_orientation import exif_orientation
from trainer.serving.detect import as_rgb, as_stored, turned

_UPRIGHT = 1
_TRANSPOSED_FROM = 5  # from there on rows and columns change places
_INVERSE = {6: 8, 8: 6}  # the others are their own


@dataclasses.dataclass(frozen=True)
class UprightView:
    """What leads from stored pixels to those that are shown.

    Attributes:
      stored_size: (width, height), px.
      orientation: EXIF's, 1 to 8.
    """

    stored_size: tuple[int, int]
    orientation: int = _UPRIGHT

    @classmethod
    def of_file(cls, encoded: bytes) -> "UprightView":
        """Of a JPEG or PNG; its pixels are not decoded."""
        with Image.open(io.BytesIO(encoded)) as image:
            return cls(image.size, exif_orientation(encoded))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright picture, px."""
        width, height = self.stored_size
        swapped = self.orientation >= _TRANSPOSED_FROM
        return (height, width) if swapped else (width, height)

    def boxes(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes [N, 4] xyxy px as stored -> in the upright picture."""
        inverse = _INVERSE.get(self.orientation, self.orientation)
        return as_stored(boxes, inverse, self.stored_size)


def upright_picture(encoded: bytes, side_px: int | None = None) -> Image.Image:
    """A file's picture upright, RGB; its longer side at most `side_px`."""
    with Image.open(io.BytesIO(encoded)) as image:
        if side_px is not None:
            image.draft("RGB", (side_px, side_px))
        picture = as_rgb(image)
    if side_px is not None:
        picture.thumbnail((side_px, side_px))
    return turned(picture, exif_orientation(encoded))
