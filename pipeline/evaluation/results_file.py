"""Every detection of an evaluation as COCO results, which `score` takes."""

import json
import os
from collections.abc import Sequence

from components.evaluator.image_columns import ImageColumns
from pipeline.prediction.results import LABEL_MAP_FILE, RESULTS_FILE
from schemas.boxes import to_xywh


def write_results(
    folder: str, columns: ImageColumns, class_names: Sequence[str]
) -> None:
    """Writes `results.json`, in stored pixels, and the label map it goes by.

    Detections that are no numbers, of a broken model, are left out: JSON has none.
    """
    sound = columns.has_only_numbers
    results = [
        {
            "image_id": str(columns.image_ids[image]),
            "category_id": class_id + 1,
            "bbox": box,
            "score": score,
        }
        for image, class_id, box, score in zip(
            columns.image.tolist(),
            columns.classes.tolist(),
            to_xywh(columns.boxes).tolist(),
            columns.scores.tolist(),
            strict=True,
        )
        if sound
    ]
    with open(os.path.join(folder, RESULTS_FILE), "w", encoding="utf-8") as sink:
        json.dump(results, sink)
    with open(os.path.join(folder, LABEL_MAP_FILE), "w", encoding="utf-8") as sink:
        sink.writelines(f"{name}\n" for name in class_names)
