"""The first images of a split with annotated and detected boxes, drawn for people."""

import itertools

import numpy as np
from PIL import Image

from components.evaluator.image_columns import ImageColumns
from components.report.findings import CANDIDATE, Findings
from components.report.pictures import read_examples
from components.report.upright_view import UprightView, upright_picture
from schemas.detection_example import DetectionExample
from trainer.image import drawing

_COLUMNS = 4
_CELL_PX = 320


def detection_sheet(
    findings: Findings, file_pattern: str, num_images: int
) -> Image.Image:
    """A sheet of the first images in the files with the boxes of the candidate.

    Args:
      findings: detections under its `min_score` are not drawn.
      file_pattern: TFRecord files of the split; those of `.gz` are compressed.
      num_images: how many images.
    """
    columns = findings.columns[CANDIDATE]
    first = itertools.islice(read_examples(file_pattern), num_images)
    cells = [_cell(example, columns, findings) for example in first]
    return drawing.contact_sheet(cells, _COLUMNS, _CELL_PX)


def _cell(
    example: DetectionExample, columns: ImageColumns, findings: Findings
) -> Image.Image:
    number = np.searchsorted(columns.image_ids, example.image_id)
    shown = (columns.image == number) & (columns.scores >= findings.min_score)
    captions = [
        f"{findings.class_names[class_id]} {score:.2f}"
        for class_id, score in zip(
            columns.classes[shown], columns.scores[shown], strict=True
        )
    ]
    view = UprightView.of_file(example.encoded_image)
    annotated = view.boxes(np.asarray(example.boxes))
    found = view.boxes(columns.boxes[shown].astype(np.float32))
    layers = [
        drawing.LabelledBoxes(
            annotated, [""] * len(annotated), drawing.GROUND_TRUTH_COLOUR
        ),
        drawing.LabelledBoxes(found, captions, drawing.DETECTION_COLOUR),
    ]
    return drawing.draw_boxes(upright_picture(example.encoded_image), layers)
