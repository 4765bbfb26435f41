"""A VOC directory as ground truth for the metrics; no TensorFlow, no Beam."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.example_gen.source.annotation import (
    AnnotationError,
    RawObject,
    read_annotation,
    to_half_open,
    to_number,
)
from schemas.boxes import to_xywh
from schemas.label_map import LabelMap
from schemas.user_error import UserError
from trainer.metrics.box_columns import GroundTruths
from trainer.metrics.coco_files import AnnotatedImages

ANNOTATION_DIRS = ("Annotations", "annotations")


class _Object(NamedTuple):
    image: int
    name: str
    box: tuple[float, float, float, float]  # xyxy pixels, 0-based, half-open
    difficult: bool


def read_voc_directory(
    directory: Path, label_map: LabelMap | None = None, image_set: str | None = None
) -> AnnotatedImages:
    """All annotations of a directory, or those that an image set lists.

    The directory is a year of a VOCdevkit or anything else with `Annotations/`, or
    holds XML files itself. A result refers to an image by its annotation's name without
    `.xml`, or by the number that name is if it is all digits; to a class by its place,
    from 1, in the label map or else in the alphabet.
    """
    files = _annotation_files(directory)
    if image_set is not None:
        files = _listed(files, directory, image_set)
    objects = [
        found for image, file in enumerate(files) for found in _objects(image, file)
    ]
    if not objects:
        raise UserError(f"{directory}: {len(files)} annotations, and no object in them")
    if label_map is None:
        label_map = LabelMap.from_names(found.name for found in objects)
    stems = [file.stem for file in files]
    return AnnotatedImages(
        where=str(directory),
        image_ids=stems,
        class_names=label_map.names,
        ground_truths=GroundTruths(
            np.array([found.image for found in objects]),
            np.array([label_map.id_of(found.name) for found in objects]),
            to_xywh([found.box for found in objects]),
            difficult=np.array([found.difficult for found in objects]),
        ),
        image_index=_image_index(stems),
        category_index={number + 1: number for number in range(len(label_map))},
        half_open=True,
    )


def _annotation_files(directory: Path) -> list[Path]:
    homes = [
        directory / name for name in ANNOTATION_DIRS if (directory / name).is_dir()
    ]
    home = homes[0] if homes else directory
    try:
        files = sorted(file for file in home.iterdir() if file.suffix.lower() == ".xml")
    except OSError as error:
        raise UserError(f"{home} cannot be read: {error.strerror}") from error
    if not files:
        raise UserError(
            f"{directory} holds no annotations: give a directory of XML files, or one "
            "with Annotations/ in it, such as VOCdevkit/VOC2007"
        )
    # One an image: of a.xml and a.XML the first.
    return list({file.stem: file for file in sorted(files, reverse=True)}.values())[
        ::-1
    ]


def _listed(files: Sequence[Path], directory: Path, image_set: str) -> list[Path]:
    path = directory / "ImageSets" / "Main" / f"{image_set}.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"image set {path} cannot be read: {error}") from error
    # VOC's class sets have a flag behind the name.
    names = {line.split()[0] for line in lines if line.strip()}
    by_stem = {file.stem: file for file in files}
    missing = sorted(names - by_stem.keys())
    if missing:
        raise UserError(f"image set {path}: {missing[0]!r} has no annotation")
    if not names:
        raise UserError(f"image set {path} is empty")
    return [by_stem[name] for name in sorted(names)]


def _objects(image: int, file: Path) -> list[_Object]:
    try:
        annotation = read_annotation(file.read_bytes())
    except AnnotationError as error:
        raise UserError(f"{file}: {error.detail}") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error
    return [
        _Object(image, found.name, _box(found, file), to_number(found.difficult) == 1)
        for found in annotation.objects
    ]


def _box(found: RawObject, file: Path) -> tuple[float, float, float, float]:
    texts = found.box.texts if found.box else (None,) * 4
    corners = [to_number(text) for text in texts]
    numbers = tuple(c for c in corners if c is not None and math.isfinite(c))
    if not found.name or len(numbers) != 4:
        raise UserError(f"{file}: an object lacks a name or four numbers as its bndbox")
    box = to_half_open((numbers[0], numbers[1], numbers[2], numbers[3]))
    if box[2] < box[0] or box[3] < box[1]:
        raise UserError(f"{file}: the bndbox of {found.name} is turned inside out")
    return box


def _image_index(stems: Sequence[str]) -> dict[str | int, int]:
    """Names, and the numbers of names that are numbers, unless two are the same."""
    index: dict[str | int, int] = {stem: row for row, stem in enumerate(stems)}
    numbers = {
        row: int(stem)
        for row, stem in enumerate(stems)
        if stem.isascii() and stem.isdigit()
    }
    times = Counter(numbers.values())
    return index | {n: row for row, n in numbers.items() if times[n] == 1}
