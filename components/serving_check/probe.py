"""Loads an exported detector as a server would and asks it about real images.

    python -m components.serving_check.probe MODEL_DIR 'EXAMPLES*.gz' --images 4

Runs in a process of its own that imports neither Keras nor the trainer, so that a
model that only works where its Python classes are registered is found out. Prints one
JSON object: `problems` (empty: servable), `images`, `ms_per_image`.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.baseline import served_detector
from schemas import tf_example

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


def _same_best(one: Detections, many: Detections, index: int) -> bool:
    best = one["scores"][0][:1], many["scores"][index][:1]
    return bool(np.allclose(*best, atol=_SCORE_SLACK))


def _call(
    signature: Any, name: str, values: list[bytes]
) -> dict[str, npt.NDArray[Any]]:
    outputs = signature(**{name: tf.constant(values)})
    return {key: value.numpy() for key, value in outputs.items()}


def probe(model_dir: str, file_pattern: str, num_images: int) -> dict[str, Any]:
    """Asks every signature about the first images; returns what was printed."""
    signatures = tf.saved_model.load(model_dir).signatures
    problems = signature_problems(signatures)
    problems += [
        f"the variable {name} holds NaN or infinity"
        for name in served_detector.variables_that_are_no_numbers(model_dir)
    ]
    if problems:
        return {"problems": problems, "images": 0, "ms_per_image": None}
    files = sorted(tf.io.gfile.glob(file_pattern))
    compression = "GZIP" if files and files[0].endswith(".gz") else ""
    records = tf.data.TFRecordDataset(files, compression).take(num_images)
    serialized = [record.numpy() for record in records]
    examples = [tf_example.decode_example(record) for record in serialized]
    encoded = [example.encoded_image for example in examples]
    by_bytes = signatures["serving_default"]
    together = _call(by_bytes, "image_bytes", encoded)
    as_examples = _call(signatures["serving_tf_example"], "examples", serialized)
    seconds = []
    for index, example in enumerate(examples):
        start = time.perf_counter()
        alone = _call(by_bytes, "image_bytes", encoded[index : index + 1])
        seconds.append(time.perf_counter() - start)
        found = detection_problems(together, index, example.height, example.width)
        if not _same_best(alone, together, index):
            found.append("alone and in a batch the answer differs")
        if not _same_best(alone, as_examples, index):
            found.append("as bytes and as tf.Example the answer differs")
        problems += [f"image {example.image_id}: {text}" for text in found]
    problems += _tensor_problems(signatures["serving_images"])
    return {
        "problems": problems,
        "images": len(examples),
        "ms_per_image": round(1000 * float(np.median(seconds)), 1) if seconds else None,
    }


def _tensor_problems(signature: Any) -> list[str]:
    height, width = 48, 80  # smaller than any training image, and not square
    images = np.zeros((2, height, width, 3), np.uint8)
    outputs = {key: value.numpy() for key, value in signature(images=images).items()}
    return [
        f"black {width}x{height} image: {text}"
        for text in detection_problems(outputs, 1, height, width)
    ]


def main() -> int:
    """Prints the findings as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir")
    parser.add_argument("file_pattern")
    parser.add_argument("--images", type=int, default=4)
    args = parser.parse_args()
    findings = probe(args.model_dir, args.file_pattern, args.images)
    sys.stdout.write(json.dumps(findings) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
