"""One serialized example -> frame and padded ground truth, ready for a batch."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from schemas import parsing, tf_example
from trainer.image.letterbox import decode_upright, letterbox_boxes, letterbox_image
from trainer.image.upright import upright_boxes

# Keys and types of a batch; every value gets a leading batch axis.
Frame = dict[str, Any]

# Parsed features -> `gt_boxes` relative xyxy [G, 4] and `gt_classes` [G].
TransformFeatures = Callable[[dict[str, Any]], dict[str, Any]]

BOX_PADDING = -1.0
CLASS_PADDING = -1


def frame_spec(frame_size: tuple[int, int], max_boxes: int) -> dict[str, tf.TensorSpec]:
    """Shape and type of every value of one frame."""
    return {
        "images": tf.TensorSpec([*frame_size, 3], tf.uint8),
        "gt_boxes": tf.TensorSpec([max_boxes, 4], tf.float32),
        "gt_classes": tf.TensorSpec([max_boxes], tf.int32),
        "gt_difficult": tf.TensorSpec([max_boxes], tf.bool),
        "image_ids": tf.TensorSpec([], tf.string),
        "image_shapes": tf.TensorSpec([2], tf.int32),
        "letterbox": tf.TensorSpec([4], tf.float32),
    }


def default_transform(parsed: dict[str, Any]) -> dict[str, Any]:
    """The same values as the Transform graph's, from the raw features."""
    return {
        "gt_boxes": tf.clip_by_value(parsing.rel_boxes(parsed), 0.0, 1.0),
        "gt_classes": parsing.class_ids(parsed),
    }


@tf.autograph.experimental.do_not_convert
def read_frame(
    serialized: tf.Tensor,
    frame_size: tuple[int, int],
    max_boxes: int,
    transform_features: TransformFeatures = default_transform,
) -> Frame:
    """Serialized tf.Example (scalar) -> a frame as in `frame_spec`, upright.

    Boxes come as xyxy px of the letterboxed frame. Of more than `max_boxes` the
    largest stay; rows without a box are -1.
    """
    parsed = tf.io.parse_single_example(serialized, parsing.feature_spec())
    truth = transform_features(parsed)
    image, orientation = decode_upright(parsed[tf_example.ENCODED])
    frame, letterbox = letterbox_image(image, frame_size)
    shape = tf.shape(image)[:2]
    height, width = tf.unstack(tf.cast(shape, tf.float32))
    upright = upright_boxes(truth["gt_boxes"], orientation, tf.constant([1, 1]))
    boxes_px = upright * tf.stack([width, height, width, height])
    boxes, classes, difficult = pack_boxes(
        letterbox_boxes(boxes_px, letterbox),
        tf.cast(truth["gt_classes"], tf.int32),
        tf.cast(parsed[tf_example.DIFFICULT], tf.bool),
        max_boxes,
    )
    return {
        "images": frame,
        "gt_boxes": boxes,
        "gt_classes": classes,
        "gt_difficult": difficult,
        "image_ids": parsed[tf_example.IMAGE_ID],
        "image_shapes": shape,
        "letterbox": letterbox,
    }


def pack_boxes(
    boxes: tf.Tensor, classes: tf.Tensor, difficult: tf.Tensor, max_boxes: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The `max_boxes` largest real boxes in their order, then padding.

    boxes [N, 4] xyxy px, classes [N] int32, difficult [N] bool; a row is real if its
    class is >= 0 and its box has an area. -> the same with `max_boxes` rows.
    """
    sides = tf.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    area = tf.where(classes >= 0, sides[:, 0] * sides[:, 1], 0.0)
    spare = tf.zeros([max_boxes])
    top_area, top = tf.math.top_k(tf.concat([area, spare], axis=0), max_boxes)
    count = tf.shape(classes)[0]
    beyond = count + max_boxes
    order = tf.sort(tf.where(top_area > 0, top, beyond))
    real = order < beyond
    row = tf.minimum(order, count)
    boxes = tf.gather(tf.pad(boxes, [[0, 1], [0, 0]]), row)
    classes = tf.gather(tf.pad(classes, [[0, 1]]), row)
    difficult = tf.gather(tf.pad(difficult, [[0, 1]]), row)
    return (
        tf.ensure_shape(tf.where(real[:, None], boxes, BOX_PADDING), [max_boxes, 4]),
        tf.ensure_shape(tf.where(real, classes, CLASS_PADDING), [max_boxes]),
        tf.ensure_shape(real & difficult, [max_boxes]),
    )
