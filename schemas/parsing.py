"""Parsing spec for tf.data and serving, built from the keys of `tf_example`."""

import tensorflow as tf

from schemas import tf_example as keys

_TEXT_SCALARS = (
    keys.IMAGE_ID,
    keys.FILENAME,
    keys.SOURCE_PATH,
    keys.FORMAT,
    keys.SHA256,
)
_INT_SCALARS = (keys.HEIGHT, keys.WIDTH, keys.OBJECT_COUNT)
_FLOAT_SCALARS = (keys.BRIGHTNESS, keys.CONTRAST)
_TEXT_LISTS = (keys.CLASS_NAME, keys.POSE, keys.PART_NAME)
_INT_LISTS = (
    keys.CLASS_LABEL,
    keys.DIFFICULT,
    keys.TRUNCATED,
    keys.OCCLUDED,
    keys.PART_OBJECT_INDEX,
)
_FLOAT_LISTS = (
    *keys.OBJECT_BOX,
    *keys.PART_BOX,
    keys.AREA_REL,
    keys.ASPECT_RATIO,
)


def feature_spec(*, with_image: bool = True) -> dict[str, object]:
    """Spec for tf.io: scalars [], lists ragged ([G] dense when parsed singly)."""
    spec: dict[str, object] = {}
    image = (keys.ENCODED,) if with_image else ()
    scalars: list[tuple[tuple[str, ...], tf.DType]] = [
        ((*_TEXT_SCALARS, *image), tf.string),
        (_INT_SCALARS, tf.int64),
        (_FLOAT_SCALARS, tf.float32),
    ]
    lists: list[tuple[tuple[str, ...], tf.DType]] = [
        (_TEXT_LISTS, tf.string),
        (_INT_LISTS, tf.int64),
        (_FLOAT_LISTS, tf.float32),
    ]
    for names, dtype in scalars:
        spec |= {name: tf.io.FixedLenFeature([], dtype) for name in names}
    for names, dtype in lists:
        spec |= {
            name: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
            for name in names
        }
    return spec


def rel_boxes(parsed: dict[str, tf.Tensor]) -> tf.Tensor:
    """Ground truth of one parsed example -> relative xyxy [G, 4]."""
    return tf.stack([parsed[key] for key in keys.OBJECT_BOX], axis=-1)


def boxes_px(parsed: dict[str, tf.Tensor]) -> tf.Tensor:
    """Ground truth of one parsed example -> xyxy pixels [G, 4]."""
    width, height = parsed[keys.WIDTH], parsed[keys.HEIGHT]
    scale = tf.cast(tf.stack([width, height, width, height]), tf.float32)
    return rel_boxes(parsed) * scale


def class_ids(parsed: dict[str, tf.Tensor]) -> tf.Tensor:
    """Class ids 0..K-1 [G] int32 of one parsed example (label - 1)."""
    return tf.cast(parsed[keys.CLASS_LABEL] - 1, tf.int32)
