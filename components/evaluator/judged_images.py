"""The images that a model was judged on, kept with it: its numbers can be had again.

`voc-pipeline verify` scores them once more, and `voc-pipeline diff` compares those of
two versions; neither needs the data or runs a model.
"""

import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from components.evaluator.by_class import summary_of
from components.evaluator.image_columns import ImageColumns
from trainer.metrics.assignment import assign
from trainer.metrics.protocol import DifficultMode
from trainer.metrics.summary import CocoSummary

JUDGED_IMAGES_FILE = "judged.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class JudgedImages:
    """One split's objects and one model's detections.

    Attributes:
      split: that the gate judged on.
      class_names: class i of the columns has the i-th name.
      difficult: how difficult objects counted.
      columns: objects and detections by image.
    """

    split: str
    class_names: tuple[str, ...]
    difficult: DifficultMode
    columns: ImageColumns

    def to_bytes(self) -> bytes:
        """As one .npz file."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            split=self.split,
            class_names=np.array(self.class_names, np.str_),
            difficult=self.difficult,
            **vars(self.columns),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "JudgedImages":
        """The inverse of `to_bytes`; ValueError or KeyError where it is damaged."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return cls(
                split=str(file["split"]),
                class_names=tuple(file["class_names"].tolist()),
                difficult=str(file["difficult"]),  # type: ignore[arg-type]
                columns=ImageColumns.from_bytes(content),
            )

    def summary(self) -> CocoSummary | None:
        """COCO's numbers; None where the model gave NaN or infinity."""
        return summary_of(self.columns, self.class_names, self.difficult)

    def only(self, image_ids: Sequence[str]) -> "JudgedImages":
        """The part of these images."""
        keep = np.isin(self.columns.image_ids, list(image_ids))
        part = self.columns.only(keep)
        return dataclasses.replace(self, columns=part)

    def renamed(self, names: Mapping[str, str]) -> "JudgedImages":
        """The same images under other ids: ours -> the new one, of every image."""
        ids = np.array([names[name] for name in self.columns.image_ids], np.str_)
        columns = dataclasses.replace(self.columns, image_ids=ids)
        # Ids are kept sorted.
        return dataclasses.replace(self, columns=ImageColumns.merge([columns]))

    def numbered_as(self, class_names: Sequence[str]) -> "JudgedImages":
        """The same with class i named `class_names[i]`; all of ours are among them."""
        places = np.array([class_names.index(name) for name in self.class_names])
        columns = dataclasses.replace(
            self.columns,
            gt_classes=places[self.columns.gt_classes],
            classes=places[self.columns.classes],
        )
        return dataclasses.replace(
            self, class_names=tuple(class_names), columns=columns
        )

    def objects_of(self, image_id: str) -> frozenset[tuple[object, ...]]:
        """The image's objects by class name: equal where its annotation is."""
        columns = self.columns
        (rows,) = np.nonzero(columns.image_ids[columns.gt_image] == image_id)
        return frozenset(
            (
                self.class_names[columns.gt_classes[row]],
                bool(columns.gt_difficult[row]),
                *columns.gt_boxes[row].tolist(),
            )
            for row in rows
        )

    def hits_misses_false_alarms(self, min_score: float) -> npt.NDArray[np.int64]:
        """[I, 3] per image at IoU .5: objects found, not found, and false alarms.

        Only detections of at least `min_score` count.
        """
        columns = self.columns
        ground_truths = columns.ground_truths()
        assignment = assign(
            ground_truths,
            columns.detections().take(np.nonzero(columns.scores >= min_score)[0]),
            num_classes=len(self.class_names),
            difficult=self.difficult,
        )
        size = len(columns.image_ids)
        hits, alarms = (
            np.bincount(assignment.detections.image[rows], minlength=size)
            for rows in (assignment.hit, assignment.miss)
        )
        objects = np.bincount(ground_truths.image[assignment.counts], minlength=size)
        return np.stack([hits, objects - hits, alarms], axis=1)
