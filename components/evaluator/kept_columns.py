"""The images of one model in their files, read anew each time they are gone through."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluator.image_columns import (
    IMAGES_AT_ONCE,
    ClassCounts,
    ImageColumns,
)
from components.evaluator.kept_images import ImageFiles

_FACTS = ("image_ids", "width", "height", "brightness")


@dataclasses.dataclass(frozen=True, eq=False)
class KeptColumns:
    """What is known of each image; objects and detections stay in the files.

    Attributes:
      image_ids, width, height, brightness: as `ImageColumns` has them.
      has_only_numbers: False where the model gave NaN or infinity.
      files: where the images are.
      batches: files that are read together.
      places: of each batch, its images' places in `image_ids`, ascending.
      class_counts: objects and detections by class.
    """

    image_ids: npt.NDArray[np.str_]
    width: npt.NDArray[np.int64]
    height: npt.NDArray[np.int64]
    brightness: npt.NDArray[np.float32]
    has_only_numbers: bool
    files: ImageFiles
    batches: Sequence[Sequence[str]]
    places: Sequence[npt.NDArray[Any]]
    class_counts: ClassCounts

    @classmethod
    def of_files(
        cls, files: ImageFiles, names: Sequence[str], num_classes: int
    ) -> "KeptColumns":
        """Goes through the files once; ValueError where an image is there twice."""
        batches: list[list[str]] = [[]]
        sizes = [0]
        facts, counts, only_numbers = [], [], True
        for columns, name in files.read_each(names):
            size = len(columns.image_ids)
            if batches[-1] and sizes[-1] + size > IMAGES_AT_ONCE:
                batches.append([])
                sizes.append(0)
            batches[-1] += [name] if name else []
            sizes[-1] += size
            facts.append([getattr(columns, fact) for fact in _FACTS])
            counts.append(columns.counts(num_classes))
            only_numbers &= columns.has_only_numbers
        known = [np.concatenate(parts) for parts in zip(*facts, strict=True)]
        order = np.argsort(known[0], kind="stable")
        ordered = [values[order] for values in known]
        repeated = np.flatnonzero(ordered[0][1:] == ordered[0][:-1])
        if len(repeated):
            raise ValueError(f"image {ordered[0][repeated[0]]!r} was added twice")
        place = np.empty(len(order), np.uint32)
        place[order] = np.arange(len(order), dtype=np.uint32)
        return cls(
            **dict(zip(_FACTS, ordered, strict=True)),
            has_only_numbers=only_numbers,
            files=files,
            batches=batches,
            places=[np.sort(p) for p in np.split(place, np.cumsum(sizes[:-1]))],
            class_counts=ClassCounts(*np.sum(counts, axis=0)),
        )

    def counts(self, num_classes: int) -> ClassCounts:
        """Objects and detections by class, of as many as the files were read for."""
        if num_classes != len(self.class_counts.objects):
            known = len(self.class_counts.objects)
            raise ValueError(f"{known} classes were counted, not {num_classes}")
        return self.class_counts

    def blocks(self) -> Iterator[tuple[npt.NDArray[Any], ImageColumns]]:
        """All images, at least one block: their places in `image_ids`, and they."""
        for batch, places in zip(self.batches, self.places, strict=True):
            yield places, self.files.read(batch)
