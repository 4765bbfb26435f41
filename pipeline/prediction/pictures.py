"""The pictures to be asked about: which files, and their pixels as they are seen."""

import dataclasses
import glob
import io
import os
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from components.example_gen.rules.box_frame import BoxFrame
from components.example_gen.source import remote
from schemas.exif_orientation import exif_orientation
from schemas.plain_path import PATTERN_CHARACTERS
from schemas.single_box import Box
from schemas.user_error import UserError
from trainer.serving import detect

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_TFRECORDS = re.compile(r"tfrecord|-\d{5}-of-\d{5}(\.gz)?$", re.IGNORECASE)
_FEW = 3  # folders that a message names
_SERVED = ("JPEG", "MPO", "PNG")


class PictureError(Exception):
    """A file that cannot be read as a picture; the message says why."""


def matched(names: Sequence[str]) -> list[str]:
    """The names, and of a pattern such as 'in/**/*.jpg' what it matches, in order.

    A name that is there is none, nor that of a folder at a pattern's start. Of files
    a pattern matches those that may be asked about, as a folder does, and of folders
    those with such a file. Raises UserError where it matches nothing.
    """
    found: list[str] = []
    for name in names:
        is_pattern = set(name) & PATTERN_CHARACTERS and not remote.is_remote(name)
        if not is_pattern or os.path.exists(name):
            found.append(name)
            continue
        pattern = _beyond_what_is_there(os.path.expanduser(name))
        paths = sorted(glob.glob(pattern, recursive=True))
        taken = [path for path in paths if _may_be_asked_about(path)]
        if not taken:
            raise UserError(f"there is no picture {name}")
        found += taken
    return found


def _beyond_what_is_there(name: str) -> str:
    """The pattern, in which folders at its start that are there stand as they are."""
    start = os.path.dirname(name)
    while start and not os.path.exists(start):
        start = os.path.dirname(start)
    return glob.escape(start) + name[len(start) :]


def _may_be_asked_about(path: str) -> bool:
    files = os.listdir(path) if os.path.isdir(path) else [path]
    return any(
        file.lower().endswith(SUFFIXES) or may_be_tfrecords(file) for file in files
    )


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
        raise UserError(f"no pictures in {', '.join(names)}{passed_over(names)}")
    return paths


def passed_over(names: Sequence[str], *, batch: bool = False) -> str:
    """What in these folders is not asked about, as the end of a line; "" if nothing.

    Folders in them that are not named too; without --batch files that may be TFRecords.
    """
    inner, records = [], 0
    folders = list(filter(os.path.isdir, names))
    asked = set(map(os.path.realpath, folders))
    for name in folders:
        with os.scandir(name) as entries:
            for entry in entries:
                if entry.is_dir() and not entry.name.startswith("."):
                    if not _is_asked(entry.path, asked):
                        inner.append(entry.path)
                elif not batch and may_be_tfrecords(entry.name):
                    records += 1
    few = ", ".join(sorted(inner)[:_FEW]) + (", ..." if len(inner) > _FEW else "")
    said = f"; folders in folders are passed over (name them): {few}" if inner else ""
    return said + ("; TFRecords are for --batch" if records else "")


def _is_asked(folder: str, asked: set[str]) -> bool:
    """Whether it is named; or what it holds, where it has no pictures of its own."""
    real = os.path.realpath(folder)
    holds_named = any(path.startswith(real + os.sep) for path in asked)
    return real in asked or (holds_named and not _may_be_asked_about(folder))


def may_be_tfrecords(name: str) -> bool:
    """Whether a file's name is that of TFRecords, as ingest or others write them."""
    is_picture = name.lower().endswith(SUFFIXES)
    return not is_picture and _TFRECORDS.search(os.path.basename(name)) is not None


@dataclasses.dataclass(frozen=True)
class Picture:
    """Pixels uint8 [H, W, 3] RGB, turned from the stored ones as EXIF says."""

    pixels: npt.NDArray[np.uint8]
    orientation: int = 1  # EXIF's, that was applied

    def as_stored(self, box: Box) -> Box:
        """A box, xyxy px, of these pixels -> of the stored ones, as in ground truth."""
        height, width = self.pixels.shape[:2]
        frame = BoxFrame("zero_based", self.orientation, (width, height))
        stored = frame.pixels(box)
        assert stored is not None  # a detector's numbers are finite
        return stored


def read_picture(path: str) -> Picture:
    """A file's picture as it is seen, by a served model, too; else PictureError."""
    try:
        with open(path, "rb") as file:
            encoded = file.read()
    except OSError as error:
        raise PictureError(str(error)) from error
    return decode_picture(encoded)


def decode_picture(encoded: bytes) -> Picture:
    """The same of a file's bytes."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            orientation = _orientation(encoded, image)
            upright = detect.turned(detect.as_rgb(image), orientation)
            return Picture(np.asarray(upright), orientation)
    except UnidentifiedImageError as error:  # which would name our buffer
        raise PictureError("cannot identify what kind of image it is") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(str(error)) from error


def _orientation(encoded: bytes, image: Image.Image) -> int:
    """EXIF's, 1 to 8; of a file that a server takes as the server reads it."""
    if image.format in _SERVED:
        return exif_orientation(encoded)
    return detect.orientation_of(image)


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
