"""A whole sample on disk: drawn aside, renamed into place when it is complete."""

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.sample_data.defects import LEAST_IMAGES, spoil
from pipeline.sample_data.scene import SceneObject, draw_scene
from pipeline.sample_data.shapes import CLASS_NAMES
from pipeline.sample_data.splits import draw_splits
from pipeline.sample_data.voc_files import (
    annotation_xml,
    class_image_set,
    image_set,
    jpeg_bytes,
)
from schemas.user_error import UserError

_LOG = logging.getLogger(__name__)

# Change it when the same config draws other bytes: an older sample is then not reused.
DRAWING_VERSION = 1
MARKER = "sample.json"
_GRAYSCALE_EVERY = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """What determines a sample, byte for byte.

    `size` is the longest side of the largest image, in pixels; objects grow with it.
    """

    images: int = 240
    seed: int = 0
    size: int = 320
    defects: bool = False

    def __post_init__(self) -> None:
        """Refuses what cannot be drawn."""
        if not 1 <= self.images <= 999_999:
            raise UserError(f"--images {self.images}: ask for 1 to 999999 images")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: a seed is 0 or more")
        if not 128 <= self.size <= 4096:
            raise UserError(f"--size {self.size}: the longest side is 128 to 4096 px")
        if self.defects and self.images < LEAST_IMAGES:
            raise UserError(
                f"--defects with --images {self.images}: most images should stay good, "
                f"so ask for at least {LEAST_IMAGES}"
            )


def write_sample(directory: Path, config: SampleConfig) -> bool:
    """Writes a VOC data set into `directory`, which becomes what VOC2007/ is.

    Returns:
        False where the very same sample was there already.

    Raises:
        UserError: if something else is there, or it cannot be written.
    """
    try:
        if _holds(directory, config):
            return False
        aside = directory.parent / f".{directory.name}.{os.getpid()}.partial"
        aside.mkdir(parents=True)
        try:
            _draw(aside, config)
            # Succeeds over an empty directory and over nothing, never over files.
            aside.rename(directory)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"{directory}: cannot write the sample there: {error.strerror}; "
            "name a directory that you can write to"
        ) from error
    return True


def read_marker(directory: Path) -> dict[str, object]:
    """Reads what a sample says of itself: its config, classes and splits."""
    marker: dict[str, object] = json.loads((directory / MARKER).read_text("utf-8"))
    return marker


def _holds(directory: Path, config: SampleConfig) -> bool:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    asked = dataclasses.asdict(config) | {"drawing_version": DRAWING_VERSION}
    if (directory / MARKER).is_file():
        marker = read_marker(directory)
        if all(marker.get(key) == value for key, value in asked.items()):
            return True
        other = ", ".join(
            f"{key} {marker.get(key)} and not {value}"
            for key, value in asked.items()
            if marker.get(key) != value
        )
        raise UserError(
            f"{directory}: holds another sample ({other}); "
            "remove it or name another directory"
        )
    raise UserError(f"{directory}: is there and no empty directory; name a new one")


def _draw(directory: Path, config: SampleConfig) -> None:
    image_ids = [f"{number:06d}" for number in range(1, config.images + 1)]
    splits = draw_splits(image_ids, config.seed)
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (directory / name).mkdir(parents=True)
    objects: dict[str, Sequence[SceneObject]] = {}
    for index, image_id in enumerate(image_ids):
        # Seeded by index: an image is the same whatever the size of the set.
        scene = draw_scene(np.random.default_rng([config.seed, 0, index]), config.size)
        objects[image_id] = scene.objects
        gray = index % _GRAYSCALE_EVERY == 2
        image = jpeg_bytes(scene.pixels, grayscale=gray)
        (directory / "JPEGImages" / f"{image_id}.jpg").write_bytes(image)
        xml = annotation_xml(image_id, scene, grayscale=gray)
        _write(directory / "Annotations" / f"{image_id}.xml", xml)
        if (index + 1) % 1000 == 0:
            _LOG.info("drew %d of %d images", index + 1, config.images)
    _write_sets(directory / "ImageSets" / "Main", splits, objects)
    _write(directory / "label_map.txt", "".join(f"{name}\n" for name in CLASS_NAMES))
    if config.defects:
        spoil(directory, splits, config.seed)
    marker = dataclasses.asdict(config) | {
        "drawing_version": DRAWING_VERSION,
        "splits": {name: len(ids) for name, ids in splits.items()},
        "objects": _count_objects(objects),
    }
    _write(directory / MARKER, json.dumps(marker, indent=2) + "\n")


def _write_sets(
    directory: Path,
    splits: Mapping[str, Sequence[str]],
    objects: Mapping[str, Sequence[SceneObject]],
) -> None:
    for split, image_ids in splits.items():
        _write(directory / f"{split}.txt", image_set(image_ids))
        for name in CLASS_NAMES:
            lines = class_image_set(image_ids, name, objects)
            _write(directory / f"{name}_{split}.txt", lines)


def _count_objects(objects: Mapping[str, Sequence[SceneObject]]) -> dict[str, int]:
    names = [item.name for items in objects.values() for item in items]
    return {name: names.count(name) for name in CLASS_NAMES}


def _write(path: Path, text: str) -> None:
    # Bytes, so that no platform turns "\n" into something else.
    path.write_bytes(text.encode("utf-8"))
