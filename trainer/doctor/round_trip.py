"""Boxes through letterbox, targets and decoding, and back to pixels of the image."""

import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray
from PIL import Image

from schemas.detection_example import DetectionExample
from schemas.tensor_boxes import iou_matrix
from trainer.image.drawing import (
    DETECTION_COLOUR,
    GROUND_TRUTH_COLOUR,
    LabelledBoxes,
    contact_sheet,
    draw_boxes,
)
from trainer.image.letterbox import decode_upright, unletterbox_boxes
from trainer.image.upright import exif_orientation, upright_boxes
from trainer.model.targets.box_coding import decode_boxes, encode_boxes

_COLUMNS, _CELL_PX = 4, 320


@dataclasses.dataclass(frozen=True)
class ReturnedBoxes:
    """Boxes [N, 4] of one upright image, xyxy px, and the worst one's error in px."""

    boxes: NDArray[np.float32]
    error_px: float


def round_trip(
    stored: Sequence[DetectionExample],
    batches: Iterable[Mapping[str, Any]],
    anchors: NDArray[np.float32],
    variance: tuple[float, float, float, float],
) -> list[ReturnedBoxes]:
    """What became of the boxes of each stored example.

    stored: the first examples of the split that `batches` of the input pipeline have
    in the same order. A box's error is its largest difference to the nearest stored
    box; infinite if the image has none, or the batches lack the image.
    """
    frames = {}
    wanted = {example.image_id for example in stored}
    for batch in batches:
        for row, image_id in enumerate(np.asarray(batch["image_ids"])):
            real = np.asarray(batch["gt_classes"])[row] >= 0
            frames[image_id.decode()] = (
                np.asarray(batch["gt_boxes"])[row][real],
                np.asarray(batch["letterbox"])[row],
                np.asarray(batch["image_shapes"])[row],
            )
        if wanted <= set(frames):
            break
    returned = []
    for example in stored:
        if example.image_id not in frames:
            returned.append(ReturnedBoxes(np.zeros((0, 4), "float32"), float("inf")))
            continue
        boxes, letterbox, shape = frames[example.image_id]
        back = _coded_and_back(boxes, anchors, variance)
        placed = (tf.constant(x) for x in (back, letterbox, shape))
        original = np.asarray(unletterbox_boxes(*placed))
        error = _worst_error(original, _upright_boxes(example))
        returned.append(ReturnedBoxes(original, error))
    return returned


def draw_round_trip(
    stored: Sequence[DetectionExample], returned: Sequence[ReturnedBoxes]
) -> bytes:
    """A PNG of the images: their boxes in green, those that came back in red."""
    cells = []
    for example, back in zip(stored, returned, strict=True):
        layers = [
            LabelledBoxes(boxes, [""] * len(boxes), colour)
            for boxes, colour in (
                (_upright_boxes(example), GROUND_TRUTH_COLOUR),
                (back.boxes, DETECTION_COLOUR),
            )
        ]
        pixels, _ = decode_upright(tf.constant(example.encoded_image))
        cells.append(draw_boxes(Image.fromarray(pixels.numpy()), layers))
    encoded = io.BytesIO()
    contact_sheet(cells, _COLUMNS, _CELL_PX).save(encoded, format="PNG")
    return encoded.getvalue()


def _upright_boxes(example: DetectionExample) -> NDArray[np.float32]:
    """The boxes of an example in the picture as it is to be seen."""
    orientation = exif_orientation(tf.constant(example.encoded_image))
    width, height = example.width, example.height
    shape = (width, height) if orientation >= 5 else (height, width)
    boxes = tf.constant(example.boxes, tf.float32)
    return np.asarray(upright_boxes(boxes, orientation, tf.constant(shape)))


def _coded_and_back(
    boxes: NDArray[np.float32],
    anchors: NDArray[np.float32],
    variance: tuple[float, float, float, float],
) -> NDArray[np.float32]:
    if not len(boxes):
        return boxes
    best = ops.convert_to_numpy(iou_matrix(boxes, anchors)).argmax(axis=1)
    deltas = encode_boxes(boxes, anchors[best], variance)
    return ops.convert_to_numpy(decode_boxes(deltas, anchors[best], variance))


def _worst_error(found: NDArray[Any], stored: NDArray[Any]) -> float:
    if not len(found):
        return 0.0
    if not len(stored):
        return float("inf")
    distance = np.abs(found[:, None] - stored[None]).max(axis=-1)
    return float(distance.min(axis=1).max())
