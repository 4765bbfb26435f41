"""What a model found, as files: pictures, COCO results, CSV."""

import csv
import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas.user_error import UserError
from trainer.image import drawing

if TYPE_CHECKING:
    from pipeline.prediction.detector import Found
    from pipeline.prediction.pictures import Picture

RESULTS_FILE = "results.json"
CSV_FILE = "detections.csv"
LABEL_MAP_FILE = "label_map.txt"
CSV_COLUMNS = ("image", "class", "score", "xmin", "ymin", "xmax", "ymax")
_LONGEST_JPEG_PX = 65_500  # libjpeg's JPEG_MAX_DIMENSION
_DRAWN_BY = b"drawn by voc-pipeline predict"  # the JPEG comment of our pictures


def require_replaceable(folder: str, pictures: Mapping[str, str]) -> None:
    """Refuses, in a line, a folder in which results would replace the user's own files.

    Drawings of an earlier `predict`, and the files beside them, may be replaced, but
    none of the pictures (id -> path) that are asked about.
    """
    asked = {os.path.realpath(path) for path in pictures.values()}
    for picture_id in pictures:
        path = _drawing_path(folder, picture_id)
        if os.path.realpath(path) in asked:
            raise UserError(
                f"{path} would be replaced by its own drawing; "
                "name another folder with --output"
            )
        if os.path.lexists(path) and not _is_drawing(path):
            raise UserError(
                f"{path} is no drawing of `predict`, and would be replaced by one; "
                "name another folder with --output"
            )
    names = (RESULTS_FILE, CSV_FILE, LABEL_MAP_FILE)
    for path in (os.path.join(folder, name) for name in names):
        if os.path.lexists(path) and not _is_table(os.path.join(folder, CSV_FILE)):
            raise UserError(
                f"{path} is not of `predict`, and would be replaced; "
                "name another folder with --output"
            )


def _drawing_path(folder: str, picture_id: str) -> str:
    return os.path.join(folder, f"{picture_id}.jpg")


def _is_drawing(path: str) -> bool:
    try:
        with Image.open(path) as image:
            return image.info.get("comment") == _DRAWN_BY
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _is_table(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.readline().strip() == ",".join(CSV_COLUMNS).encode()
    except OSError:
        return False


def coco_results(
    picture_id: str, picture: "Picture", found: "Found"
) -> list[dict[str, Any]]:
    """Every detection as a COCO result, boxes in stored pixels."""
    results = []
    for box, score, class_id in zip(
        found.boxes.tolist(), found.scores.tolist(), found.classes, strict=True
    ):
        left, top, right, bottom = picture.as_stored(box)
        results.append(
            {
                "image_id": picture_id,
                "category_id": int(class_id) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "score": score,
            }
        )
    return results


def csv_rows(
    picture_id: str, shown: "Found", class_names: Sequence[str]
) -> list[tuple[str, ...]]:
    """Detections as rows of CSV_COLUMNS, boxes in pixels as they are seen."""
    return [
        (
            *(picture_id, class_names[class_id], f"{score:.6f}"),
            *(f"{side:.2f}" for side in box),
        )
        for box, score, class_id in zip(
            shown.boxes.tolist(), shown.scores.tolist(), shown.classes, strict=True
        )
    ]


@dataclasses.dataclass
class ResultFiles:
    """A folder that fills with what is found, picture by picture.

    `results.json` holds every detection, so that `voc-pipeline score` measures the
    model and not the threshold, in stored pixels as its ground truth; pictures and
    `detections.csv` those from their class's threshold on, in pixels as they are seen.

    Attributes:
      folder: made where it is absent.
      class_names: in the order of the class ids.
      thresholds: [K].
    """

    folder: str
    class_names: Sequence[str]
    thresholds: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        os.makedirs(self.folder, exist_ok=True)
        self._results: list[dict[str, Any]] = []
        self._rows: list[tuple[Any, ...]] = []

    def add(self, picture_id: str, picture: "Picture", found: "Found") -> int:
        """Keeps the detections, writes the picture; returns how many are shown."""
        self._results += coco_results(picture_id, picture, found)
        seen = found.from_scores(self.thresholds)
        self._rows += csv_rows(picture_id, seen, self.class_names)
        captions = [
            f"{self.class_names[class_id]} {score:.2f}"
            for class_id, score in zip(seen.classes, seen.scores.tolist(), strict=True)
        ]
        layer = drawing.LabelledBoxes(seen.boxes, captions, drawing.DETECTION_COLOUR)
        drawn = drawing.draw_boxes(Image.fromarray(picture.pixels), [layer])
        # It shrinks larger ones alone.
        drawn.thumbnail((_LONGEST_JPEG_PX, _LONGEST_JPEG_PX))
        path = _drawing_path(self.folder, picture_id)
        drawn.save(path, quality=90, comment=_DRAWN_BY)
        return len(seen.scores)

    def close(self) -> None:
        """Writes the files about all pictures; first the one that they are known by."""
        path = os.path.join(self.folder, CSV_FILE)
        how = ("utf-8", "surrogateescape")  # file names, as they are
        with open(path, "w", -1, *how, newline="") as sink:
            writer = csv.writer(sink)
            writer.writerow(CSV_COLUMNS)
            writer.writerows(self._rows)
        with open(os.path.join(self.folder, RESULTS_FILE), "w") as sink:
            json.dump(self._results, sink)
        path = os.path.join(self.folder, LABEL_MAP_FILE)
        with open(path, "w", encoding="utf-8") as sink:
            sink.writelines(f"{name}\n" for name in self.class_names)
