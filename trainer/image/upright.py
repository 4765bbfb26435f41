"""EXIF orientation in TensorFlow: a picture as it is to be seen, boxes to and fro.

Files, records and detections count pixels as they are stored; a model sees every
picture upright, in training and where it is served. What EXIF's tag Orientation means
is in Exif 2.3, section 4.6.4: from 5 on rows and columns change places.
"""

from typing import NamedTuple

import tensorflow as tf

from schemas import exif_orientation as exif

# Where a turned picture is mirrored, after rows and columns have changed places.
_MIRRORED_X, _MIRRORED_Y, _TRANSPOSED_FROM = (2, 3, 6, 7), (3, 4, 7, 8), 5


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Stored pixels [h, w, 3] -> upright ones."""
    image = tf.cond(
        orientation >= _TRANSPOSED_FROM,
        lambda: tf.transpose(image, [1, 0, 2]),
        lambda: image,
    )
    for orientations, axis in ((_MIRRORED_X, 1), (_MIRRORED_Y, 0)):
        image = _mirrored(image, _is_one_of(orientation, orientations), axis)
    return tf.ensure_shape(image, [None, None, 3])


def _mirrored(image: tf.Tensor, asked: tf.Tensor, axis: int) -> tf.Tensor:
    return tf.cond(asked, lambda: tf.reverse(image, [axis]), lambda: image)


def upright_boxes(
    boxes: tf.Tensor, orientation: tf.Tensor, upright_shape: tf.Tensor
) -> tf.Tensor:
    """Boxes [..., G, 4] xyxy px as stored -> in the upright picture.

    orientation int [...]; upright_shape int [..., 2], its (height, width).
    """
    swapped = (orientation >= _TRANSPOSED_FROM)[..., None, None]
    boxes = tf.where(swapped, tf.gather(boxes, [1, 0, 3, 2], axis=-1), boxes)
    return _mirrored_boxes(boxes, orientation, upright_shape)


def stored_boxes(
    boxes: tf.Tensor, orientation: tf.Tensor, upright_shape: tf.Tensor
) -> tf.Tensor:
    """The inverse of `upright_boxes`."""
    boxes = _mirrored_boxes(boxes, orientation, upright_shape)
    swapped = (orientation >= _TRANSPOSED_FROM)[..., None, None]
    return tf.where(swapped, tf.gather(boxes, [1, 0, 3, 2], axis=-1), boxes)


def _mirrored_boxes(
    boxes: tf.Tensor, orientation: tf.Tensor, upright_shape: tf.Tensor
) -> tf.Tensor:
    size = tf.cast(upright_shape, boxes.dtype)[..., None, :]
    height, width = size[..., :1], size[..., 1:]
    left, top, right, bottom = tf.split(boxes, 4, axis=-1)
    in_x = _is_one_of(orientation, _MIRRORED_X)[..., None, None]
    in_y = _is_one_of(orientation, _MIRRORED_Y)[..., None, None]
    sides = [
        tf.where(in_x, width - right, left),
        tf.where(in_y, height - bottom, top),
        tf.where(in_x, width - left, right),
        tf.where(in_y, height - top, bottom),
    ]
    return tf.concat(sides, axis=-1)


def _is_one_of(orientation: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(orientation[..., None] == tf.constant(values), axis=-1)


def may_have_exif(encoded: tf.Tensor) -> tf.Tensor:
    """Whether its name stands anywhere in a file; most files are done with that.

    A literal is found faster than a pattern: 1 ms of CPU per MB.
    """
    length = tf.strings.length(encoded)
    without = [
        tf.strings.regex_replace(encoded, name, "", replace_global=False)
        for name in ("Exif", "eXIf")
    ]
    return (tf.strings.length(without[0]) < length) | (
        tf.strings.length(without[1]) < length
    )


def exif_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """JPEG or PNG bytes (scalar) -> EXIF's orientation, int32 1..8; 1 where none is.

    The same as `schemas.exif_orientation`, in the model's graph.
    """
    is_jpeg = tf.strings.substr(encoded, 0, len(exif.JPEG_START)) == exif.JPEG_START
    is_png = tf.strings.substr(encoded, 0, len(exif.PNG_START)) == exif.PNG_START
    # a read behind the end gives zeros, which say nothing
    padded = tf.strings.join([encoded, b"\0" * 16])
    length = tf.strings.length(encoded)
    at = tf.where(is_png, len(exif.PNG_START), length)
    at = tf.where(is_jpeg, len(exif.JPEG_START), at)

    def next_block(at: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        head = _bytes(padded, at, 10, length)
        in_jpeg, in_png = _jpeg_block(head), _png_block(head)
        holds = tf.where(is_jpeg, in_jpeg.holds_exif, in_png.holds_exif)
        inside = at + tf.where(is_jpeg, in_jpeg.header_bytes, in_png.header_bytes)
        start = tf.where(holds, tf.minimum(inside, length), start)
        size = tf.where(is_jpeg, in_jpeg.size, in_png.size)
        goes_on = (size > 0) & (size < length) & ~holds
        return tf.where(goes_on, tf.minimum(at + size, length), length), start

    _, start = tf.while_loop(
        lambda at, start: at < length,
        next_block,
        (at, length),
        maximum_iterations=exif.MOST_BLOCKS,
    )
    return _orientation_at(padded, start, length)


class _Block(NamedTuple):
    """A segment or chunk, of which 10 bytes are known; `size` 0: the last of these."""

    holds_exif: tf.Tensor
    header_bytes: int
    size: tf.Tensor


def _jpeg_block(head: tf.Tensor) -> _Block:
    """A segment: 0xFF, marker, size without these two. APP1 holds EXIF, or XMP."""
    marker, size = head[1], _big_endian(head[2:4])
    ends = (marker == exif.START_OF_SCAN) | (marker == exif.END_OF_IMAGE)
    ends |= head[0] != 0xFF
    is_exif = ~ends & (marker == exif.APP1) & _says(head[4:10], exif.JPEG_NAME)
    size = tf.where(marker == exif.FILL, 1, tf.where(size >= 2, size + 2, 0))
    return _Block(is_exif, 10, tf.where(ends, 0, size))


def _png_block(head: tf.Tensor) -> _Block:
    """A chunk: size of its data, type, data, 4 bytes of a checksum."""
    size, kind = _big_endian(head[:4]), head[4:8]
    ends = _says(kind, b"IDAT") | (size < 0)
    return _Block(_says(kind, exif.PNG_NAME), 8, tf.where(ends, 0, size + 12))


def _says(digits: tf.Tensor, text: bytes) -> tf.Tensor:
    return tf.reduce_all(digits == tf.constant(list(text)))


def _orientation_at(
    padded: tf.Tensor, start: tf.Tensor, length: tf.Tensor
) -> tf.Tensor:
    """The tag's value in the first directory of a TIFF header; 1 if it has none."""
    head = _bytes(padded, start, 8, length)
    little = _says(head[:4], exif.LITTLE_ENDIAN)
    makes_sense = little | _says(head[:4], exif.BIG_ENDIAN)

    def number(digits: tf.Tensor) -> tf.Tensor:
        """Bytes [..., n] -> [...]."""
        return _big_endian(tf.where(little, tf.reverse(digits, [-1]), digits))

    directory = start + number(head[4:8])
    inside = (directory >= start) & (directory < length)
    directory = tf.where(inside, directory, length)
    count = number(_bytes(padded, directory, 2, length))
    whole = tf.maximum(length - directory - 2, 0) // exif.ENTRY_BYTES
    size = tf.minimum(count, whole) * exif.ENTRY_BYTES
    raw = _bytes(padded, directory + 2, size, length)
    entries = tf.reshape(raw, [-1, exif.ENTRY_BYTES])
    kind = number(entries[:, 2:4])
    is_it = makes_sense & (number(entries[:, :2]) == exif.TAG)
    is_it &= (kind == exif.SHORT) | (kind == exif.LONG)
    is_it &= number(entries[:, 4:8]) == 1
    short, long = number(entries[:, 8:10]), number(entries[:, 8:12])
    values = tf.boolean_mask(tf.where(kind == exif.SHORT, short, long), is_it)
    value = tf.concat([values, [1]], axis=0)[0]
    return tf.where((value >= 1) & (value <= 8), value, 1)


def _bytes(
    padded: tf.Tensor, at: tf.Tensor, count: int | tf.Tensor, length: tf.Tensor
) -> tf.Tensor:
    """`count` bytes from a place on, int32; those behind the end are 0."""
    text = tf.strings.substr(padded, tf.clip_by_value(at, 0, length), count)
    found = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int32)
    return tf.ensure_shape(found, [count]) if isinstance(count, int) else found


def _big_endian(digits: tf.Tensor) -> tf.Tensor:
    """Bytes [..., n] -> [...]; four of them from 2^31 on are negative."""
    number = tf.zeros_like(digits[..., 0])
    for place in range(digits.shape[-1] or 0):
        number = number * 256 + digits[..., place]
    return number
