"""Annotations to training targets: class vocabulary, frequencies, normalised boxes."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from schemas import tf_example

VOCABULARY = "classes"


def preprocessing_fn(
    inputs: dict[str, tf.SparseTensor], custom_config: dict[str, Any] | None = None
) -> dict[str, tf.RaggedTensor]:
    """Features of `annotations` (no image among them) to what the trainer learns from.

    The full pass over the training split writes the vocabulary `classes` with each
    class's number of objects, most frequent first. Class ids do not come from it,
    since they would change with the counts: they are those of the label map, which
    ingest wrote into every object.

    Args:
      inputs: the parsed features, as in `schemas/tf_example.py`, all SparseTensors.
      custom_config: carries `source_digest`, for the cache to see.

    Returns:
      `gt_boxes` [B, (G), 4]: float32 xyxy relative to the image, inside 0..1;
      `gt_classes` [B, (G)]: int64, 0..K-1; `gt_difficult` [B, (G)]: int64, 0 or 1.
    """
    del custom_config
    tft.vocabulary(
        inputs[tf_example.CLASS_NAME],
        vocab_filename=VOCABULARY,
        store_frequency=True,
        name="class_vocabulary",
    )
    edges = [tf.RaggedTensor.from_sparse(inputs[key]) for key in tf_example.OBJECT_BOX]
    boxes = tf.stack([edge.values for edge in edges], axis=-1)
    labels = tf.RaggedTensor.from_sparse(inputs[tf_example.CLASS_LABEL])
    return {
        "gt_boxes": edges[0].with_values(tf.clip_by_value(boxes, 0.0, 1.0)),
        # On disk 1-based, as in the TF Object Detection API, where 0 is background.
        "gt_classes": labels.with_values(labels.values - 1),
        "gt_difficult": tf.RaggedTensor.from_sparse(inputs[tf_example.DIFFICULT]),
    }
