"""What an exported model itself finds: the Keras model, not the graph that is served.

    python -m components.serving_check.own_detections MODEL_DIR FOLDER

Reads FOLDER's images and adds the answers, image by image. A process of its own, under
TensorFlow and without the GPU, as the one that asks the export.
"""

import argparse
import sys

import tensorflow as tf

from components.serving_check.asked_images import (
    Answer,
    read_asked,
    write_answers,
)
from trainer.image.letterbox import decode_and_letterbox, unletterbox_boxes
from trainer.image.upright import stored_boxes
from trainer.serving.read_back import read_back


def own_detections(model_dir: str, images: list[bytes]) -> list[Answer]:
    """Detections in each encoded image, in pixels of the image."""
    model, detector, label_map = read_back(model_dir)
    decoding = detector.model.decoding
    answers = []
    for encoded in images:
        frames, letterbox, shapes, orientation = decode_and_letterbox(
            tf.constant([encoded]), detector.image_size
        )
        outputs = model(frames, training=False)
        boxes = unletterbox_boxes(outputs["boxes"], letterbox, shapes)
        boxes = stored_boxes(boxes, orientation, shapes)
        count = int(outputs["num_detections"][0])
        classes = outputs["classes"][0].numpy()[:count]
        scores = outputs["scores"][0].numpy()[:count]
        is_full = count == outputs["scores"].shape[1]
        answers.append(
            Answer(
                boxes=boxes[0].numpy()[:count],
                scores=scores,
                names=[label_map.names[class_id] for class_id in classes],
                # Of more than it may give, a model gives the best.
                cut_at=float(scores[-1]) if is_full else decoding.score_from,
            )
        )
    return answers


def main() -> int:
    """Fills the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir")
    parser.add_argument("folder")
    args = parser.parse_args()
    images = [image.encoded for image in read_asked(args.folder)]
    write_answers(args.folder, own_detections(args.model_dir, images))
    return 0


if __name__ == "__main__":
    sys.exit(main())
