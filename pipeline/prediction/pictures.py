"""The pictures to be asked about: which files, and their pixels as they are seen."""

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from schemas.user_error import UserError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class PictureError(Exception):
    """A file that cannot be read as a picture; the message says why."""


def picture_paths(names: Sequence[str]) -> dict[str, str]:
    """Picture id -> path, of files and of the pictures in folders, in order.

    The id is the file's name without its suffix, as in a VOC data set. Raises UserError
    where there is no such file, no picture at all, or one id twice.
    """
    paths: dict[str, str] = {}
    for name in names:
        for path in _below(name):
            picture_id = os.path.splitext(os.path.basename(path))[0]
            other = paths.setdefault(picture_id, path)
            if other != path:
                raise UserError(
                    f"{other} and {path} have one name: results could not tell them "
                    "apart; predict them apart"
                )
    if not paths:
        raise UserError(f"no pictures in {', '.join(names)}")
    return paths


def read_picture(path: str) -> npt.NDArray[np.uint8]:
    """Pixels uint8 [H, W, 3] RGB, turned as EXIF says; else PictureError."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(str(error)) from error


def _below(name: str) -> list[str]:
    if os.path.isdir(name):
        return [
            os.path.join(name, entry)
            for entry in sorted(os.listdir(name))
            if entry.lower().endswith(SUFFIXES)
        ]
    if not os.path.exists(name):
        raise UserError(f"there is no picture {name}")
    return [name]
