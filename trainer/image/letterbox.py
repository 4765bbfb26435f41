"""Encoded image to letterboxed frame: the same functions in training and serving."""

import tensorflow as tf

from trainer.image.upright import exif_orientation, may_have_exif, turned

# Mid-grey: near zero once a backbone has subtracted the ImageNet mean.
PAD_VALUE = 114
_IMAGES_START_WITH = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """JPEG or PNG bytes (scalar) -> uint8 RGB [h, w, 3], as the pixels are stored.

    Grey and palette become RGB, 16 bits keep their high byte, alpha is dropped, CMYK is
    converted by the decoder. Other bytes raise tf.errors.InvalidArgumentError.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def decode_upright(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The same as it is to be seen, and the EXIF orientation that was applied, int32.

    `upright_boxes` and `stored_boxes` lead from stored pixels to these and back.
    """
    image = decode_image(encoded)

    def upright() -> tuple[tf.Tensor, tf.Tensor]:
        orientation = exif_orientation(encoded)
        return turned(image, orientation), orientation

    shown, orientation = tf.cond(
        may_have_exif(encoded), upright, lambda: (image, tf.constant(1))
    )
    return tf.ensure_shape(shown, [None, None, 3]), orientation


def letterbox_image(
    image: tf.Tensor, frame_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Scales an image to fit, then pads it evenly.

    image: uint8 [h, w, 3] -> (uint8 [H, W, 3], letterbox float32 [4]), where letterbox
    is (scale_x, scale_y, offset_x, offset_y): frame = image * scale + offset. The two
    scales differ by rounding alone, save where a side would fall below one pixel.
    """
    frame_h, frame_w = frame_size
    size = tf.shape(image)[:2]
    size_f = tf.cast(size, tf.float32)
    scale = tf.reduce_min(tf.constant([frame_h, frame_w], tf.float32) / size_f)
    fitted = tf.cast(tf.round(size_f * scale), tf.int32)
    fitted = tf.clip_by_value(fitted, 1, [frame_h, frame_w])
    resized = _resize(image, fitted, shrinks=scale < 1.0)
    before = (tf.constant([frame_h, frame_w]) - fitted) // 2
    after = tf.constant([frame_h, frame_w]) - fitted - before
    paddings = tf.concat([tf.stack([before, after], axis=1), [[0, 0]]], axis=0)
    frame = tf.pad(resized, paddings, constant_values=tf.constant(PAD_VALUE, tf.uint8))
    scales = tf.cast(fitted, tf.float32) / size_f
    letterbox = tf.concat([scales[::-1], tf.cast(before[::-1], tf.float32)], axis=0)
    return tf.ensure_shape(frame, [frame_h, frame_w, 3]), letterbox


def _resize(image: tf.Tensor, size: tf.Tensor, shrinks: tf.Tensor) -> tf.Tensor:
    """Bilinear; widens its support only when shrinking, since that costs 2.5 times."""
    resized = tf.cond(
        shrinks,
        lambda: _shrunk(image, size),
        lambda: tf.image.resize(image, size),
    )
    return tf.cast(resized + 0.5, tf.uint8)


def _shrunk(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """What `tf.image.resize(image, size, antialias=True)` gives, to the last bit.

    Its kernel adds up rows, then columns pixel by pixel, of three values each; rows
    alone are long, and take half of the time in all. So columns become rows.
    """
    by_column = tf.transpose(_fewer_rows(image, size[0]), [1, 0, 2])
    return tf.transpose(_fewer_rows(by_column, size[1]), [1, 0, 2])


def _fewer_rows(image: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Pixels [h, w, 3] -> float32 [count, w, 3]."""
    height, width = tf.unstack(tf.shape(image)[:2])
    scaled = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(image, [1, height, 1, 3 * width]),
        size=tf.stack([count, 1]),
        scale=tf.stack([tf.cast(count, tf.float32) / tf.cast(height, tf.float32), 1.0]),
        translation=[0.0, 0.0],
        kernel_type="triangle",
        antialias=True,
    )
    return tf.reshape(scaled, [count, width, 3])


def decode_and_letterbox(
    encoded: tf.Tensor, frame_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Bytes [B] -> upright frames, and what leads from them to the stored pixels.

    uint8 [B, H, W, 3], letterbox [B, 4], image_shapes int32 [B, 2], orientation int32
    [B]: `image_shapes` are the upright (height, width). Works inside a SavedModel
    signature and on images of different sizes. Bytes that begin as no image does raise
    tf.errors.InvalidArgumentError, which tells their places in the batch.
    """
    encoded = _images_alone(encoded)

    def prepare(one: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        image, orientation = decode_upright(one)
        frame, letterbox = letterbox_image(image, frame_size)
        return frame, letterbox, tf.shape(image)[:2], orientation

    return tf.map_fn(
        prepare,
        encoded,
        fn_output_signature=(
            tf.TensorSpec([*frame_size, 3], tf.uint8),
            tf.TensorSpec([4], tf.float32),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([], tf.int32),
        ),
    )


def _images_alone(encoded: tf.Tensor) -> tf.Tensor:
    """The same bytes [B]; the decoder's own error would not say which are none."""
    begins = [
        tf.equal(tf.strings.substr(encoded, 0, len(start)), start)
        for start in _IMAGES_START_WITH
    ]
    known = tf.reduce_any(tf.stack(begins), axis=0)
    places = tf.where(tf.logical_not(known))[:, 0]
    told = "no JPEG, PNG, GIF or BMP at these places of the batch, from 0:"
    holds = tf.debugging.Assert(tf.reduce_all(known), [told, places], summarize=100)
    with tf.control_dependencies([] if holds is None else [holds]):
        return tf.identity(encoded)


def letterbox_batch(
    images: tf.Tensor, frame_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decoded images uint8 [B, h, w, 3] -> frames, letterbox [B, 4], shapes [B, 2]."""
    frames, letterbox = tf.map_fn(
        lambda image: letterbox_image(image, frame_size),
        images,
        fn_output_signature=(
            tf.TensorSpec([*frame_size, 3], tf.uint8),
            tf.TensorSpec([4], tf.float32),
        ),
    )
    shape = tf.shape(images)
    return frames, letterbox, tf.tile(shape[None, 1:3], [shape[0], 1])


def letterbox_boxes(boxes: tf.Tensor, letterbox: tf.Tensor) -> tf.Tensor:
    """Boxes [..., G, 4] xyxy px of the image -> of the frame; letterbox [..., 4]."""
    scale = tf.tile(letterbox[..., None, :2], _pairs(letterbox))
    offset = tf.tile(letterbox[..., None, 2:], _pairs(letterbox))
    return boxes * scale + offset


def unletterbox_boxes(
    boxes: tf.Tensor, letterbox: tf.Tensor, image_shapes: tf.Tensor
) -> tf.Tensor:
    """Boxes [..., D, 4] of the frame -> xyxy px of the image in it, clipped to it.

    letterbox [..., 4]; image_shapes int [..., 2], (height, width).
    """
    scale = tf.tile(letterbox[..., None, :2], _pairs(letterbox))
    offset = tf.tile(letterbox[..., None, 2:], _pairs(letterbox))
    limits = tf.cast(tf.reverse(image_shapes, axis=[-1]), tf.float32)[..., None, :]
    limits = tf.tile(limits, _pairs(letterbox))
    return tf.clip_by_value((boxes - offset) / scale, 0.0, limits)


def _pairs(letterbox: tf.Tensor) -> list[int]:
    return [1] * letterbox.shape.rank + [2]
