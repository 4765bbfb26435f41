"""The endless training order: which example stands at which position, and from where.

Position p belongs to epoch p // N. Every choice is a function of seed, epoch and
position, never of an iterator's state, so a run can go on at any step.
"""

import concurrent.futures
import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from trainer.input.frames import Frame
from trainer.input.host import Host
from trainer.input.records import RecordIndex, read_records

# Positions travel with the frames until these are augmented.
POSITION = "position"

_GRAPH_SEED = 87654321  # what TensorFlow takes where no global seed is set
_PARALLEL_FILES = 8
_FILL_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Part:
    """The positions that a process trains on: its rows of each batch."""

    global_batch_size: int
    host: Host

    def holds(self, position: tf.Tensor) -> tf.Tensor:
        """Whether a position is one of them."""
        place = position % self.global_batch_size
        return place // self.host.share(self.global_batch_size) == self.host.index


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamOrder:
    """Which example stands at which position; `first` is the first position read.

    `part`, where given, leaves out the positions that it does not hold.
    """

    num_examples: int
    seed: int
    first: int = 0
    part: Part | None = None

    def wanted(self, positions: tf.data.Dataset) -> tf.data.Dataset:
        """Those of the positions, or of tuples that begin with one, that are read."""
        part = self.part
        if part is None:
            return positions
        return positions.filter(lambda position, *_: part.holds(position))


def frames_from_memory(frames: tf.data.Dataset, order: StreamOrder) -> tf.data.Dataset:
    """Decodes all frames once, now; then any position costs one copy of a frame.

    frames: `order.num_examples` frames, each once. An epoch is a full permutation.
    """
    # In a thread of its own: the scope of a distribution strategy ends at a thread's
    # border, and within it the frames would be copied to every device.
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
        table = thread.submit(_load, frames, order.num_examples).result()

    @tf.autograph.experimental.do_not_convert
    def frame_at(position: tf.Tensor) -> Frame:
        epoch, place = position // order.num_examples, position % order.num_examples
        row = tf.random.experimental.index_shuffle(
            place, tf.stack([order.seed, epoch]), order.num_examples - 1
        )
        frame = {key: tf.gather(column, row) for key, column in table.items()}
        return {**frame, POSITION: position}

    return order.wanted(tf.data.Dataset.counter(order.first)).map(
        frame_at, num_parallel_calls=tf.data.AUTOTUNE
    )


def frames_from_shards(
    index: RecordIndex,
    order: StreamOrder,
    shuffle_buffer_bytes: int,
    read: Callable[[tf.Tensor], Frame],
) -> tf.data.Dataset:
    """Reads, shuffles and decodes as training goes.

    Shards are permuted and interleaved, then shuffled while still encoded: a JPEG is
    ten times smaller than its pixels. To start late, records are read and skipped,
    not decoded; at most one epoch of them. What is not this process's is not decoded
    either.
    """
    first_epoch, skipped = divmod(order.first, order.num_examples)
    buffer_size = index.examples_within(shuffle_buffer_bytes)

    @tf.autograph.experimental.do_not_convert
    def epoch_records(epoch: tf.Tensor) -> tf.data.Dataset:
        # Of this function's graph alone. Without it shuffle mixes in the process's
        # global seed, on which the order must not depend, and fails where that is 0.
        tf.random.set_seed(_GRAPH_SEED)
        seed = tf.stack([tf.constant(order.seed, tf.int64), epoch])
        keys = tf.random.stateless_uniform([len(index.files)], seed)
        records = read_records(
            tf.gather(tf.constant(index.files), tf.argsort(keys)), _PARALLEL_FILES
        )
        shuffle_seed = tf.random.stateless_uniform(
            [], seed, minval=None, maxval=None, dtype=tf.int64
        )
        shuffled = records.shuffle(
            buffer_size, seed=shuffle_seed, reshuffle_each_iteration=False
        )
        base = epoch * order.num_examples
        skip = tf.where(epoch == first_epoch, tf.constant(skipped, tf.int64), 0)
        positions = tf.data.Dataset.range(base, base + order.num_examples)
        return order.wanted(tf.data.Dataset.zip(positions, shuffled).skip(skip))

    @tf.autograph.experimental.do_not_convert
    def decode(position: tf.Tensor, serialized: tf.Tensor) -> Frame:
        return {**read(serialized), POSITION: position}

    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(epoch_records)
        .map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    )


def _load(frames: tf.data.Dataset, num_examples: int) -> dict[str, Any]:
    """All frames as columns. Images go to a variable: one copy, filled in place."""
    spec = frames.element_spec
    columns: dict[str, list[tf.Tensor]] = {key: [] for key in spec if key != "images"}
    with tf.device("CPU:0"):
        zeros = tf.zeros([num_examples, *spec["images"].shape], tf.uint8)
        images = tf.Variable(zeros, trainable=False, name="frames")
        del zeros
        filled = 0
        for batch in frames.batch(_FILL_BATCH).prefetch(1):
            count = len(batch["images"])
            rows = tf.range(filled, filled + count)
            images.scatter_update(tf.IndexedSlices(batch["images"], rows))
            filled += count
            for key, column in columns.items():
                column.append(batch[key])
        return {"images": images} | {
            key: tf.concat(column, axis=0) for key, column in columns.items()
        }
