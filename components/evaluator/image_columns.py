"""All images of an evaluation and their detections, as columns that travel as bytes."""

import dataclasses
import io
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from components.evaluator.coco_combine import ScoredImage, are_numbers
from schemas.boxes import to_xywh
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.protocol import DifficultMode
from trainer.metrics.summary import CocoSummary, coco_summary

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


@dataclasses.dataclass(frozen=True, eq=False)
class ImageColumns:
    """Images by sorted id; boxes are xyxy pixels.

    Attributes:
      image_ids: [I] sorted.
      width, height: [I] px; 0 where they are not known.
      brightness: [I] 0..1; NaN where it is not known.
      sha256: [I] of the images' files; "" where it is not known.
      gt_image: [G] index into image_ids; gt_boxes [G, 4], gt_classes [G] 0..K-1,
        gt_difficult [G].
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

    def summary(
        self, class_names: Sequence[str], difficult: DifficultMode
    ) -> CocoSummary | None:
        """COCO's numbers; None where the model gave NaN or infinity."""
        if not self.has_only_numbers:
            return None
        return coco_summary(
            self.ground_truths(),
            self.detections(),
            image_ids=self.image_ids,
            class_names=class_names,
            difficult=difficult,
        )

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
        as_held = vars(cls.of_images([]))
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            unknown = unknown_facts(len(file["image_ids"]))
            names = as_held.keys() - (unknown.keys() - set(file))
            kept = {name: _widened(file[name], as_held[name].dtype) for name in names}
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
        for key, names in (("gt_image", _OBJECTS), ("image", _FOUND)):
            parts |= {name: getattr(self, name)[rows[key]] for name in names}
        parts |= {name: getattr(self, name)[images] for name in ("image_ids", *_FACTS)}
        return dataclasses.replace(self, **parts)

    @classmethod
    def merge(cls, parts: Sequence["ImageColumns"]) -> "ImageColumns":
        """The columns of all images of all parts."""
        ids = np.concatenate([part.image_ids for part in parts])
        order = np.argsort(ids, kind="stable")
        rank = np.empty(len(ids), np.int64)
        rank[order] = np.arange(len(ids))
        starts = np.cumsum([0, *(len(part.image_ids) for part in parts[:-1])])
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("image_ids", *_FACTS)
        }
        for key, names in (("gt_image", _OBJECTS), ("image", _FOUND)):
            shifted = [getattr(p, key) + s for p, s in zip(parts, starts, strict=True)]
            image = rank[np.concatenate(shifted)]
            rows = np.argsort(image, kind="stable")
            columns[key] = image[rows]
            for name in names:
                values = np.concatenate([getattr(part, name) for part in parts])
                columns[name] = values[rows]
        return cls(**columns)


def unknown_facts(count: int) -> dict[str, npt.NDArray[Any]]:
    """The columns of facts of images of which nothing is known."""
    return {name: np.full(count, value) for name, value in _FACTS.items()}


def _narrowed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values in the least type that holds them; whole numbers are not below 0.

    A model's boxes are float32, as which they were exact.
    """
    if values.dtype.kind == "i":
        return values.astype(np.min_scalar_type(values.max(initial=0)))
    if values.dtype == np.float64:
        narrow = values.astype(np.float32)
        same = np.array_equal(narrow, values, equal_nan=True)
        return narrow if same else values
    return values


def _widened(values: npt.NDArray[Any], held: np.dtype[Any]) -> npt.NDArray[Any]:
    return values if held.kind == "U" else values.astype(held, copy=False)


def _stack(
    images: Sequence[ScoredImage], name: str, none: npt.NDArray[Scalar]
) -> npt.NDArray[Scalar]:
    """The images' values one behind the other, of the type of `none`."""
    values = [np.asarray(getattr(image, name), none.dtype) for image in images]
    return np.concatenate([none, *values])
