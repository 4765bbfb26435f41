"""Ground truth through the pipeline's Transform graph, one example at a time."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Features = dict[str, Any]


def transform_features_fn(transform_graph_path: str) -> Callable[[Features], Features]:
    """Parsed features of one example -> `gt_boxes` [G, 4] and `gt_classes` [G].

    The graph was made for batches of SparseTensors; a batch of one is made of each
    example, and its outputs are unbatched again.
    """
    import tensorflow_transform as tft

    output = tft.TFTransformOutput(transform_graph_path)
    raw_spec = output.raw_feature_spec()

    def transform(parsed: Features) -> Features:
        raw = {
            name: _batch_of_one(parsed[name], spec)
            for name, spec in raw_spec.items()
            if name in parsed
        }
        transformed = output.transform_raw_features(raw, drop_unused_features=True)
        return {name: _only_row(value) for name, value in transformed.items()}

    return transform


def _batch_of_one(value: tf.Tensor, spec: Any) -> Any:
    if not isinstance(spec, tf.io.VarLenFeature):
        return value[None]
    values = tf.reshape(value, [-1])
    count = tf.size(values, out_type=tf.int64)
    rows = tf.zeros([count], tf.int64)
    return tf.SparseTensor(
        indices=tf.stack([rows, tf.range(count)], axis=1),
        values=values,
        dense_shape=tf.stack([tf.constant(1, tf.int64), count]),
    )


def _only_row(value: Any) -> tf.Tensor:
    if isinstance(value, tf.SparseTensor):
        return value.values
    if isinstance(value, tf.RaggedTensor):
        return value.values
    return value[0]
