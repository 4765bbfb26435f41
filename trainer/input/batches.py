"""TFRecord shards to batches, the same ones every time."""

import dataclasses
import functools
import logging
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from schemas.user_error import UserError
from trainer.input.config import InputConfig
from trainer.input.frames import (
    Frame,
    TransformFeatures,
    default_transform,
    read_frame,
)
from trainer.input.host import ONE_HOST, Host
from trainer.input.mixing import augment_stream, mixed_until, window_size
from trainer.input.order import (
    Part,
    StreamOrder,
    frames_from_memory,
    frames_from_shards,
)
from trainer.input.records import RecordIndex, index_records, read_records

_LOG = logging.getLogger(__name__)


def count_examples(file_patterns: str | Sequence[str]) -> int:
    """Number of records; each shard is read once per process.

    Raises:
      UserError: there are none, or they cannot be read.
    """
    return _filled_index(file_patterns).num_examples


def make_dataset(
    file_patterns: str | Sequence[str],
    config: InputConfig,
    *,
    training: bool,
    transform_features: TransformFeatures = default_transform,
    start_step: int = 0,
    train_steps: int = 0,
    host: Host = ONE_HOST,
) -> tf.data.Dataset:
    """Batches of frames: a dict with the keys of `trainer.input.frames.frame_spec`.

    Training: endless, shuffled anew each epoch, augmented; batch t holds positions
    t * B to t * B + B - 1 of the epochs laid end to end, so a batch may span epochs
    and be larger than the data set. Evaluation: each example once, in the order of
    the shards, not augmented, with room for all of its boxes, whatever `max_boxes`
    says; the last batch is smaller.

    Args:
      file_patterns: globs of TFRecord shards, gzip where the name ends with .gz.
      config: what to do with them.
      training: which of the two.
      transform_features: parsed features of one example -> `gt_boxes` relative xyxy
        [G, 4] and `gt_classes` [G]; the Transform graph's, or the default.
      start_step: training goes on as if this many batches had been taken.
      train_steps: those after which training ends, needed by `close_mosaic_epochs`.
      host: which process this is. In training it gets its rows of each batch, in
        evaluation whole batches: one fewer than another process at most, or none.
    """
    index = _filled_index(file_patterns)
    if training:
        _log_overfull(index, config.max_boxes)
        max_boxes = config.max_boxes
    else:
        # an object that is left out would be neither found nor missed
        max_boxes = max(config.max_boxes, int(index.object_counts.max()))
    read = functools.partial(
        read_frame,
        frame_size=config.image_size,
        max_boxes=max_boxes,
        transform_features=transform_features,
    )
    order = StreamOrder(
        num_examples=index.num_examples,
        seed=config.seed,
        first=start_step * config.global_batch_size,
    )
    if training:
        until = mixed_until(config, order.num_examples, train_steps)
        batches = _training_batches(index, config, order, read, until, host)
    else:
        batches = _evaluation_batches(index, config, read, host)
    options = tf.data.Options()
    options.deterministic = True
    # Replicas share each batch; they do not share out the files.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def fits_in_cache(num_examples: int, config: InputConfig) -> bool:
    """Whether all decoded frames (N * H * W * 3 bytes) fit in `cache_bytes`."""
    return num_examples * math.prod(config.image_size) * 3 <= config.cache_bytes


def _filled_index(file_patterns: str | Sequence[str]) -> RecordIndex:
    index = index_records(file_patterns)
    if not index.num_examples:
        raise UserError(
            f"no examples in {', '.join(index.files)}: there is nothing to train on or "
            "to evaluate; look at the splits that ingest made"
        )
    return index


def _training_batches(
    index: RecordIndex,
    config: InputConfig,
    order: StreamOrder,
    read: Callable[[tf.Tensor], Frame],
    mixing_stops: int,
    host: Host,
) -> tf.data.Dataset:
    size = config.global_batch_size
    part = Part(size, host) if host.count > 1 else None
    # A resumed run must see the windows that an uninterrupted one would have.
    surplus = order.first % window_size(config)
    # Partners may be any of the window; who mixes nothing decodes its part alone.
    alone = part if window_size(config) == 1 else None
    order = dataclasses.replace(order, first=order.first - surplus, part=alone)
    if fits_in_cache(index.num_examples, config):
        # Decoding everything first beats a shuffle buffer: any position costs one
        # copy of a frame, and the shuffle is a full permutation.
        frames = frames_from_memory(_each_once(index, read), order)
    else:
        frames = frames_from_shards(index, order, config.shuffle_buffer_bytes, read)
    mixed = None if alone else part
    augmented = augment_stream(frames, config, order.num_examples, mixing_stops, mixed)
    if part is not None:
        first = order.first
        surplus = sum(map(part.holds, range(first, first + surplus)))
    # Epochs are endless, so a batch larger than the data set fills up too.
    return augmented.skip(surplus).batch(host.share(size), drop_remainder=True)


def _evaluation_batches(
    index: RecordIndex,
    config: InputConfig,
    read: Callable[[tf.Tensor], Frame],
    host: Host,
) -> tf.data.Dataset:
    size = config.global_batch_size
    # Whole batches: a model may round an image otherwise in a batch of another size.
    own = host.block(-(-index.num_examples // size))
    frames = _each_once(index, read, own.start * size, len(own) * size)
    if fits_in_cache(index.num_examples, config):
        # An evaluation always runs to the end, which is what completes the cache; who
        # evaluates again does so with the same data set.
        frames = frames.cache()
    return frames.batch(size)


def _each_once(
    index: RecordIndex,
    read: Callable[[tf.Tensor], Frame],
    first: int = 0,
    count: int = -1,
) -> tf.data.Dataset:
    """Every frame in the order of the shards, or so many from one on."""
    records = read_records(index.files, parallel_files=1).skip(first).take(count)
    return records.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def _log_overfull(index: RecordIndex, max_boxes: int) -> None:
    overfull = int((index.object_counts > max_boxes).sum())
    if overfull:
        _LOG.warning(
            "%d of %d training images have more than max_boxes=%d boxes (up to %d): "
            "only their largest teach anything",
            overfull,
            index.num_examples,
            max_boxes,
            index.object_counts.max(),
        )
