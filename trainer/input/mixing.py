"""Augmentation of the training stream: seeds, partners, and when mixing stops."""

import tensorflow as tf

from trainer.augment.draws import Draws
from trainer.input.augmenter import Augmenter
from trainer.input.config import InputConfig
from trainer.input.frames import Frame
from trainer.input.order import POSITION, Part


def example_seed(seed: int, epoch: tf.Tensor, image_id: tf.Tensor) -> tf.Tensor:
    """Int64 [2] from the config's seed, the epoch and the image, and nothing else."""
    image = tf.strings.to_hash_bucket_fast(image_id, (1 << 63) - 1)
    return tf.stack([image, tf.cast(epoch, tf.int64) + (seed << 32)])


def mixed_until(config: InputConfig, num_examples: int, train_steps: int) -> int:
    """Mosaic and mixup act before this position; the last epochs see plain images."""
    if not config.close_mosaic_epochs:
        return int(tf.int64.max)
    if train_steps < 1:
        raise ValueError(
            "close_mosaic_epochs counts from the end of the run: give train_steps"
        )
    closed = config.close_mosaic_epochs * num_examples
    return max(0, train_steps * config.global_batch_size - closed)


def window_size(config: InputConfig) -> int:
    """How many frames are augmented together; 1 if none is mixed with others."""
    return config.mixing_window if Augmenter(config).num_partners else 1


def augment_stream(
    frames: tf.data.Dataset,
    config: InputConfig,
    num_examples: int,
    mixing_stops: int,
    part: Part | None = None,
) -> tf.data.Dataset:
    """Frames with their positions -> augmented frames in the same order.

    Partners come from the frame's window: neighbours in the shuffled order, already
    decoded, so a mosaic costs no further reading. `frames` must start at a multiple
    of `window_size`; mixing stops at a position. Of a window only the frames that
    `part` holds come out.
    """
    augmenter = Augmenter(config)
    size = window_size(config)

    # Nothing here branches in Python on a tensor, and conversion takes seconds.
    @tf.autograph.experimental.do_not_convert
    def augment(window: Frame, place: tf.Tensor) -> Frame:
        window = dict(window)
        position = window.pop(POSITION)[place]
        image_id = window["image_ids"][place]
        seed = example_seed(config.seed, position // num_examples, image_id)
        places = _with_partners(place, size, augmenter.num_partners, seed)
        return augmenter(window, places, seed, position < mixing_stops)

    @tf.autograph.experimental.do_not_convert
    def each_place(window: Frame) -> tf.data.Dataset:
        places = tf.data.Dataset.range(size)
        if part is not None:
            places = places.filter(lambda place: part.holds(window[POSITION][place]))
        # Repeats a reference to the window, not its pixels.
        return places.map(lambda place: (window, place))

    windows = frames.batch(size, drop_remainder=True)
    return windows.flat_map(each_place).map(
        augment, num_parallel_calls=tf.data.AUTOTUNE
    )


def _with_partners(
    place: tf.Tensor, window: int, num_partners: int, seed: tf.Tensor
) -> tf.Tensor:
    """[1 + num_partners] places in the window: the frame's own, then others'."""
    if not num_partners:
        return place[None]
    ranks = Draws(-seed).uniforms(window - 1)[0]
    others = tf.argsort(ranks)[:num_partners]
    steps = tf.concat([[0], tf.cast(others, tf.int64) + 1], axis=0)
    return (place + steps) % window
