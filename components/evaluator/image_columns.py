"""All images of an evaluation and their detections, as columns that travel as bytes."""

import dataclasses
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from components.evaluator.coco_combine import ScoredImage, are_numbers
from schemas.boxes import to_xywh
from trainer.metrics.box_columns import Detections, GroundTruths

Scalar = TypeVar("Scalar", bound=np.generic)

_OBJECTS = ("gt_boxes", "gt_classes", "gt_difficult")
_FOUND = ("boxes", "classes", "scores")
# What is known of an image without its pixels, and the value where it is not.
_FACTS: dict[str, Any] = {
    "width": 0,
    "height": 0,
    "brightness": np.float32(np.nan),
    "sha256": "",
}
_OF_IMAGES = ("image_ids", *_FACTS)
_ROWS_OF = {"gt_image": _OBJECTS, "image": _FOUND}
_CLASS_OF = {"gt_image": "gt_classes", "image": "classes"}
# Images that are widened and matched together.
IMAGES_AT_ONCE = 1000


class ClassCounts(NamedTuple):
    """How many there are of each class.

    Attributes:
      objects: [K] all annotated ones.
      difficult: [K] those flagged difficult.
      detections: [K].
    """

    objects: npt.NDArray[np.int64]
    difficult: npt.NDArray[np.int64]
    detections: npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class ImageColumns:
    """Images by sorted id; boxes are xyxy pixels.

    Numbers may be of a narrower type than the one named here, in which they are the
    same; `ground_truths` and `detections` have them wide.

    Attributes:
      image_ids: [I] sorted.
      width, height: [I] px; 0 where they are not known.
      brightness: [I] 0..1; NaN where it is not known.
      sha256: [I] of the images' files; "" where it is not known.
      gt_image: [G] index into image_ids, ascending; gt_boxes [G, 4], gt_classes [G]
        0..K-1, gt_difficult [G].
      image: [D] likewise; boxes [D, 4], classes [D] 0..K-1, scores [D].
    """

    image_ids: npt.NDArray[np.str_]
    gt_image: npt.NDArray[np.int64]
    gt_boxes: npt.NDArray[np.float64]
    gt_classes: npt.NDArray[np.int64]
    gt_difficult: npt.NDArray[np.bool_]
    image: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    width: npt.NDArray[np.int64]
    height: npt.NDArray[np.int64]
    brightness: npt.NDArray[np.float32]
    sha256: npt.NDArray[np.str_]

    @property
    def has_only_numbers(self) -> bool:
        """False where the model gave NaN or infinity."""
        return are_numbers(self.boxes, self.scores)

    def ground_truths(self) -> GroundTruths:
        """The objects as the metrics take them."""
        return GroundTruths(
            self.gt_image,
            self.gt_classes,
            to_xywh(self.gt_boxes),
            difficult=self.gt_difficult,
        )

    def detections(self) -> Detections:
        """The detections as the metrics take them; they must be numbers."""
        return Detections(self.image, self.classes, to_xywh(self.boxes), self.scores)

    def blocks(self) -> Iterator[tuple[npt.NDArray[Any], "ImageColumns"]]:
        """Blocks of images, at least one, to widen and match one after another.

        With the images' places in `image_ids`, ascending.
        """
        size = len(self.image_ids)
        bounds = [*range(0, max(size, 1), IMAGES_AT_ONCE), size]
        # Of the index's own type, where that holds them: else the index is copied.
        sought = np.array(bounds, np.min_scalar_type(size))
        row_bounds = {
            key: np.searchsorted(getattr(self, key), sought).tolist()
            for key in _ROWS_OF
        }
        for number, first in enumerate(bounds[:-1]):
            images = slice(first, bounds[number + 1])
            parts = {name: getattr(self, name)[images] for name in _OF_IMAGES}
            for key, names in _ROWS_OF.items():
                rows = slice(*row_bounds[key][number : number + 2])
                parts[key] = getattr(self, key)[rows].astype(np.int64) - first
                parts |= {name: getattr(self, name)[rows] for name in names}
            yield np.arange(size)[images], ImageColumns(**parts)

    def of_classes(self, classes: range) -> "ImageColumns":
        """All images with what is of some classes, numbered from the first of them."""
        parts: dict[str, npt.NDArray[Any]] = {}
        for key, class_key in _CLASS_OF.items():
            numbers = getattr(self, class_key)
            keep = (numbers >= classes.start) & (numbers < classes.stop)
            if keep.all() and not classes.start:
                continue
            for name in (key, *_ROWS_OF[key]):
                parts[name] = getattr(self, name)[keep]
            parts[class_key] = parts[class_key].astype(np.int64) - classes.start
        return dataclasses.replace(self, **parts)

    def counts(self, num_classes: int) -> ClassCounts:
        """Objects and detections by class; ValueError where one is not in 0..K-1."""
        counts = ClassCounts(
            *(
                np.bincount(numbers, minlength=num_classes)
                for numbers in (
                    self.gt_classes,
                    self.gt_classes[self.gt_difficult],
                    self.classes,
                )
            )
        )
        if max(map(len, counts)) > num_classes:
            raise ValueError(f"class_id must lie in 0..{num_classes - 1}")
        return counts

    def to_bytes(self) -> bytes:
        """The columns as one file of NumPy's, each in the least type that holds it.

        To compress it takes longer than to match all that is in it.
        """
        file = io.BytesIO()
        columns: dict[str, Any] = {name: _narrowed(v) for name, v in vars(self).items()}
        np.savez(file, **columns)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "ImageColumns":
        """The inverse of `to_bytes`; earlier releases kept no facts of the images."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            unknown = unknown_facts(len(file["image_ids"]))
            names = {field.name for field in dataclasses.fields(cls)}
            kept = {name: file[name] for name in names - (unknown.keys() - set(file))}
        return cls(**(unknown | kept))

    @classmethod
    def of_images(cls, images: Sequence[ScoredImage]) -> "ImageColumns":
        """The columns of images in any order, each with an id of its own."""
        ordered = sorted(images, key=lambda image: image.image_id)

        def index(name: str) -> npt.NDArray[np.int64]:
            sizes = [len(getattr(image, name)) for image in ordered]
            return np.repeat(np.arange(len(ordered)), sizes)

        return cls(
            image_ids=np.array([image.image_id for image in ordered], np.str_),
            gt_image=index("gt_classes"),
            image=index("classes"),
            gt_boxes=_stack(ordered, "gt_boxes", np.zeros((0, 4))),
            gt_classes=_stack(ordered, "gt_classes", np.zeros(0, np.int64)),
            gt_difficult=_stack(ordered, "gt_difficult", np.zeros(0, np.bool_)),
            boxes=_stack(ordered, "boxes", np.zeros((0, 4))),
            classes=_stack(ordered, "classes", np.zeros(0, np.int64)),
            scores=_stack(ordered, "scores", np.zeros(0, np.float32)),
            width=np.array([image.width for image in ordered], np.int64),
            height=np.array([image.height for image in ordered], np.int64),
            brightness=np.array([image.brightness for image in ordered], np.float32),
            sha256=np.array([image.sha256 for image in ordered], np.str_),
        )

    def only(self, images: npt.NDArray[np.bool_]) -> "ImageColumns":
        """The images chosen by a mask [I], with their objects and detections."""
        number = np.cumsum(images) - 1
        rows = {"gt_image": images[self.gt_image], "image": images[self.image]}
        parts = {key: number[getattr(self, key)[keep]] for key, keep in rows.items()}
        for key, names in _ROWS_OF.items():
            parts |= {name: getattr(self, name)[rows[key]] for name in names}
        parts |= {name: getattr(self, name)[images] for name in _OF_IMAGES}
        return dataclasses.replace(self, **parts)

    @classmethod
    def merge(cls, parts: Iterable["ImageColumns"]) -> "ImageColumns":
        """The columns of all images of at least one part.

        Of parts that nobody else holds, each column is let go as it is taken.
        """
        held = [dict(vars(part)) for part in parts]
        ids = np.concatenate([part["image_ids"] for part in held])
        order = np.argsort(ids, kind="stable")
        rank = np.empty(len(ids), np.min_scalar_type(len(ids)))
        rank[order] = np.arange(len(ids))
        ranks = np.split(rank, np.cumsum([len(p["image_ids"]) for p in held[:-1]]))
        columns = {name: _taken(held, name)[order] for name in _OF_IMAGES}
        for key, names in _ROWS_OF.items():
            image = np.concatenate(
                [own[part.pop(key)] for own, part in zip(ranks, held, strict=True)]
            )
            rows = np.argsort(image, kind="stable")
            columns[key] = image[rows]
            del image
            columns |= {name: _taken(held, name)[rows] for name in names}
        return cls(**columns)


def unknown_facts(count: int) -> dict[str, npt.NDArray[Any]]:
    """The columns of facts of images of which nothing is known."""
    return {name: np.full(count, value) for name, value in _FACTS.items()}


def _narrowed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values in the least type that holds them; whole numbers are not below 0.

    A model's boxes are float32, as which they were exact.
    """
    if values.dtype.kind in "iu":
        return values.astype(np.min_scalar_type(values.max(initial=0)))
    if values.dtype == np.float64:
        narrow = values.astype(np.float32)
        same = np.array_equal(narrow, values, equal_nan=True)
        return narrow if same else values
    return values


def _taken(parts: Sequence[dict[str, Any]], name: str) -> npt.NDArray[Any]:
    """A column of all parts, which have it no more."""
    return np.concatenate([part.pop(name) for part in parts])


def _stack(
    images: Sequence[ScoredImage], name: str, none: npt.NDArray[Scalar]
) -> npt.NDArray[Scalar]:
    """The images' values one behind the other, of the type of `none`."""
    values = [np.asarray(getattr(image, name), none.dtype) for image in images]
    return np.concatenate([none, *values])
