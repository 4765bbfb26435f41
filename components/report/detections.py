"""What the exported model sees on the first images of a split, drawn for people."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from schemas import tf_example
from trainer.image import drawing

_COLUMNS = 4
_CELL_PX = 320


def detection_sheet(
    model_dir: str, file_pattern: str, num_images: int, min_score: float
) -> Image.Image:
    """A sheet of images with annotated and detected boxes.

    Args:
      model_dir: SavedModel with the signature `serving_default`.
      file_pattern: TFRecord files of the split; those of `.gz` are compressed.
      num_images: how many images, the first in the files.
      min_score: detections under it are not drawn.
    """
    detect = tf.saved_model.load(model_dir).signatures["serving_default"]
    files = sorted(tf.io.gfile.glob(file_pattern))
    compression = "GZIP" if files and files[0].endswith(".gz") else ""
    records = tf.data.TFRecordDataset(files, compression).take(num_images)
    cells = []
    for record in records:
        example = tf_example.decode_example(record.numpy())
        found = detect(image_bytes=tf.constant([example.encoded_image]))
        scores = found["scores"][0].numpy()
        shown = scores >= min_score
        names = found["class_names"][0].numpy()[shown]
        captions = [
            f"{name.decode()} {score:.2f}"
            for name, score in zip(names, scores[shown], strict=True)
        ]
        image = Image.open(io.BytesIO(example.encoded_image))
        cells.append(
            drawing.draw_boxes(
                image,
                [
                    drawing.LabelledBoxes(
                        np.asarray(example.boxes),
                        [""] * len(example.boxes),
                        drawing.GROUND_TRUTH_COLOUR,
                    ),
                    drawing.LabelledBoxes(
                        found["boxes"][0].numpy()[shown],
                        captions,
                        drawing.DETECTION_COLOUR,
                    ),
                ],
            )
        )
    return drawing.contact_sheet(cells, _COLUMNS, _CELL_PX)
