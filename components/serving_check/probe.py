"""Loads an exported detector as a server would and asks it about real images.

    python -m components.serving_check.probe MODEL_DIR FOLDER

FOLDER holds the images and what the model itself finds in them (`asked_images`). Runs
in a process of its own that imports neither Keras nor the trainer, so that a model that
only works where its Python classes are registered is found out. Prints one JSON object:
`problems` (empty: servable), `images`, `ms_per_image`, `memory_mib`, `notes`.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from components.baseline import served_detector
from components.example_gen.rules.box_frame import BoxFrame
from components.example_gen.source import image as images
from components.serving_check.agreement import disagreement
from components.serving_check.asked_images import (
    Answer,
    AskedImage,
    read_answers,
    read_asked,
)
from schemas import own_process

Detections = Mapping[str, npt.NDArray[Any]]
_BOX_SLACK_PX = 1e-2
_SCORE_SLACK = 1e-3  # a batch sums in another order than a single image


def signature_problems(signatures: Mapping[str, Any]) -> list[str]:
    """What is missing or of another type among the model's signatures."""
    return [
        problem
        for name in served_detector.SIGNATURES
        for problem in served_detector.signature_problems(signatures, name)
    ]


def detection_problems(
    detections: Detections, index: int, height: int, width: int
) -> list[str]:
    """What is illegal in the detections of image `index` of a batch.

    Args:
      detections: arrays by output name: boxes [B, D, 4] xyxy px, scores [B, D],
        classes [B, D], class_names [B, D], num_detections [B].
      index: which image of the batch.
      height: of that image, px.
      width: of that image, px.
    """
    count = int(detections["num_detections"][index])
    boxes = detections["boxes"][index]
    scores = detections["scores"][index]
    if not 0 <= count <= len(scores):
        return [f"num_detections {count} is outside 0..{len(scores)}"]
    boxes, scores = boxes[:count], scores[:count]
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        return ["a box or a score is NaN or infinite"]
    limit = np.array([width, height, width, height]) + _BOX_SLACK_PX
    rules = {
        "a box leaves the image": (boxes < -_BOX_SLACK_PX).any()
        or (boxes > limit).any(),
        "a box has its corners swapped": (boxes[:, :2] > boxes[:, 2:]).any(),
        "a score is outside 0..1": ((scores < 0) | (scores > 1)).any(),
        "scores do not descend": (np.diff(scores) > _SCORE_SLACK).any(),
        "a detection has no class": (detections["classes"][index][:count] < 0).any()
        or (detections["class_names"][index][:count] == b"").any(),
    }
    return [text for text, broken in rules.items() if broken]


def answer_of(detections: Detections, index: int) -> Answer:
    """The detections of one image of a batch, by class name."""
    count = int(detections["num_detections"][index])
    names = [name.decode() for name in detections["class_names"][index][:count]]
    boxes, scores = detections["boxes"][index], detections["scores"][index]
    return Answer(boxes[:count], scores[:count], names)


class Export:
    """The model under test: its signatures, called with plain values."""

    def __init__(self, model_dir: str) -> None:
        self._model = tf.saved_model.load(model_dir)  # keeps the variables alive
        self.signatures = self._model.signatures

    def call(self, name: str, values: Any) -> dict[str, npt.NDArray[Any]]:
        """One signature's outputs for a batch of what it takes."""
        argument, dtype = served_detector.SIGNATURES[name]
        shape = (0, 8, 8, 3) if dtype == tf.uint8 else (0,)
        batch = tf.constant(values, dtype) if len(values) else tf.zeros(shape, tf.uint8)
        if not len(values) and dtype == tf.string:
            batch = tf.constant([], tf.string)
        outputs = self.signatures[name](**{argument: batch})
        return {key: value.numpy() for key, value in outputs.items()}


def probe(model_dir: str, folder: str) -> dict[str, Any]:
    """Asks every signature about every image; returns what is printed."""
    export = Export(model_dir)
    problems = signature_problems(export.signatures)
    problems += [
        f"the variable {name} holds NaN or infinity"
        for name in served_detector.variables_that_are_no_numbers(model_dir)
    ]
    if problems:
        return {"problems": problems, "images": 0, "ms_per_image": None}
    asked, own = read_asked(folder), read_answers(folder)
    pixels = [_decode(image.encoded) for image in asked]
    answers, seconds = _ask(export, asked, pixels)
    for way, found in answers.items():
        for image, one, expected, detections in zip(
            asked, pixels, own, found, strict=True
        ):
            texts = detection_problems(detections, 0, *one.shape[:2])
            if not texts:
                difference = disagreement(expected, answer_of(detections, 0))
                texts = [difference] if difference else []
            problems += [f"{image.name} by {way}: {text}" for text in texts]
    problems += _black_problems(export) + _empty_problems(export)
    return {
        "problems": problems,
        "images": len(asked),
        "ms_per_image": round(1000 * float(np.median(seconds)), 1) if seconds else None,
        "memory_mib": round(own_process.most_memory_mib()),
        "notes": _notes_on_a_bad_file(export, asked),
    }


def _ask(
    export: Export, asked: Sequence[AskedImage], pixels: Sequence[npt.NDArray[np.uint8]]
) -> tuple[dict[str, list[Detections]], list[float]]:
    """Each way to ask -> detections of each image; seconds of each image alone."""
    encoded = [image.encoded for image in asked]
    serialized = [image.serialized for image in asked]
    alone: list[Detections] = []
    seconds: list[float] = []
    for one in encoded:
        start = time.perf_counter()
        alone.append(export.call("serving_default", [one]))
        seconds.append(time.perf_counter() - start)
    together = export.call("serving_default", encoded)
    as_examples = export.call("serving_tf_example", serialized)
    return {
        "serving_default": alone,
        "serving_default in a batch": _rows(together, len(asked)),
        "serving_tf_example": _rows(as_examples, len(asked)),
        "serving_images": [
            _seen_upright(export, image.encoded, one)
            for image, one in zip(asked, pixels, strict=True)
        ],
    }, seconds


def _seen_upright(
    export: Export, encoded: bytes, stored: npt.NDArray[np.uint8]
) -> Detections:
    """`serving_images` of the upright picture, as a person would show it.

    A file's own EXIF turns it, by Pillow; boxes [1, D, 4] are turned back to the stored
    pixels [H, W, 3], in which all other signatures answer.
    """
    content = images.sniff(encoded)
    opened = images.open_image(encoded, content)
    orientation = images.header_of(opened, content, encoded).exif_orientation
    picture = Image.fromarray(stored)
    picture.getexif()[ExifTags.Base.Orientation] = orientation
    upright = ImageOps.exif_transpose(picture)
    found = export.call("serving_images", [np.asarray(upright)])
    frame = BoxFrame("zero_based", orientation, upright.size)
    boxes = [frame.pixels(box) for box in found["boxes"][0].tolist()]
    if None in boxes:  # NaN, which is found out elsewhere
        return found
    return {**found, "boxes": np.array([boxes], np.float32)}


def _rows(detections: Detections, count: int) -> list[Detections]:
    """A batch of detections as `count` batches of one."""
    return [
        {key: value[row : row + 1] for key, value in detections.items()}
        for row in range(count)
    ]


def _decode(encoded: bytes) -> npt.NDArray[np.uint8]:
    """The image's stored pixels, uint8 [H, W, 3]."""
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return np.asarray(image)


def _black_problems(export: Export) -> list[str]:
    height, width = 48, 80  # smaller than any training image, and not square
    images = np.zeros((2, height, width, 3), np.uint8)
    outputs = export.call("serving_images", images)
    return [
        f"black {width}x{height} image: {text}"
        for text in detection_problems(outputs, 1, height, width)
    ]


def _empty_problems(export: Export) -> list[str]:
    """A batch of no images is answered with no images."""
    problems = []
    for name in served_detector.SIGNATURES:
        try:
            outputs = export.call(name, [])
        except (tf.errors.OpError, ValueError) as error:
            text = str(error).splitlines()[0]
            problems.append(f"{name} does not answer an empty batch: {text}")
            continue
        if any(len(value) for value in outputs.values()):
            problems.append(f"{name} answers an empty batch with detections")
    return problems


def _notes_on_a_bad_file(export: Export, asked: Sequence[AskedImage]) -> list[str]:
    """What becomes of a request with a file that is no image in its middle."""
    batch = [asked[0].encoded, b"no image", asked[0].encoded] if asked else []
    try:
        export.call("serving_default", batch)
    except tf.errors.InvalidArgumentError as error:
        named = "its place is named" if "[1]" in str(error) else "nothing says which"
        return [f"a file that is no image fails the whole request, and {named}"]
    return []


def main() -> int:
    """Prints the findings as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir")
    parser.add_argument("folder")
    args = parser.parse_args()
    sys.stdout.write(json.dumps(probe(args.model_dir, args.folder)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
