"""The bounding box formats of Keras -> xywh pixels in float64."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Sides = tuple[NDArray[np.float64], ...]

_TO_XYWH: dict[str, Callable[..., _Sides]] = {
    "xyxy": lambda left, top, right, bottom: (left, top, right - left, bottom - top),
    "yxyx": lambda top, left, bottom, right: (left, top, right - left, bottom - top),
    "xywh": lambda left, top, width, height: (left, top, width, height),
    "center_xywh": lambda x, y, w, h: (x - w / 2, y - h / 2, w, h),
    "center_yxhw": lambda y, x, h, w: (x - w / 2, y - h / 2, w, h),
}

FORMATS = (*_TO_XYWH, *(f"rel_{name}" for name in _TO_XYWH))


def check_format(box_format: str, image_shape: tuple[int, int] | None) -> None:
    """Refuses an unknown format, and a relative one without an image shape."""
    if box_format not in FORMATS:
        raise ValueError(
            f"no bounding_box_format {box_format!r}; there are: {', '.join(FORMATS)}"
        )
    if box_format.startswith("rel_") and image_shape is None:
        raise ValueError(f"{box_format} needs image_shape=(height, width)")


def to_xywh(
    boxes: ArrayLike, box_format: str, image_shape: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """Boxes [N, 4] in one of FORMATS -> [N, 4] left, top, width, height in pixels."""
    check_format(box_format, image_shape)
    columns: NDArray[np.float64] = np.asarray(boxes, np.float64).reshape(-1, 4).T
    base = box_format.removeprefix("rel_")
    if image_shape is not None and base != box_format:
        height, width = image_shape
        scale = [height, width] if "yx" in base else [width, height]
        columns = columns * np.array(scale * 2, np.float64)[:, None]
    return np.stack(_TO_XYWH[base](*columns), axis=1)
