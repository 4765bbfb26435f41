"""Training on kept features: a frozen backbone is run once a frame.

Frames are taken as augmented, some epochs of them, and used again and again: pyramid
and heads alone are trained, on what the backbone makes of them.
"""

import contextlib
import dataclasses
import functools
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from schemas.config_json import to_json
from trainer.config import TrainerConfig, deciding
from trainer.features.row_batches import IMAGE_IDS, RowOrder, batches_by_step
from trainer.features.row_store import RowStore, Shapes, row_bytes
from trainer.input.config import InputConfig
from trainer.input.frames import frame_spec
from trainer.training.fit import TRUTH, TrainingData

_LOG = logging.getLogger(__name__)
FEATURE_DTYPE = np.dtype("<f2")
LARGEST = float(np.finfo(FEATURE_DTYPE).max)
ROWS_TO_FLUSH = 256


@contextlib.contextmanager
def kept_features(
    model: Any, config: TrainerConfig, data: TrainingData, directory: str
) -> Iterator[TrainingData]:
    """Inside, `data` whose training batches have features for images, where it pays.

    They lie in `directory` as float16 from the first step until the training inside has
    ended; one that is broken off finds them there again. Where the backbone learns, or
    they do not fit in `config.kept_bytes`, it is `data` as it was; so are its batches
    where the disk has no room for them.
    """
    if not is_frozen(model, config):
        yield data
        return
    if data.host.count > 1:
        _LOG.info("features not kept: of several processes each would need all")
        yield data
        return
    shapes = _shapes(model, config.input)
    epochs = epochs_to_keep(config, data.num_train_examples, row_bytes(shapes))
    num_rows = epochs * data.num_train_examples
    if epochs == 0:
        needed = row_bytes(shapes) * data.num_train_examples
        _LOG.info(
            "features not kept: one epoch takes %s bytes, trainer.kept_bytes is %s",
            f"{needed:,}",
            f"{config.kept_bytes:,}",
        )
        yield data
        return

    @functools.cache  # at the first step: a training that is over asks for none
    def batches() -> Callable[[int], tf.data.Dataset]:
        store = _filled_store(directory, model, config, data, num_rows)
        if store is None:
            return data.train
        order = RowOrder(num_rows, config.input.global_batch_size, config.input.seed)
        return batches_by_step(store, shapes, order)

    def train(step: int) -> tf.data.Dataset:
        return batches()(step)

    yield dataclasses.replace(data, train=train)
    # who still reads the files may go on
    shutil.rmtree(directory, ignore_errors=True)


def is_frozen(model: Any, config: TrainerConfig) -> bool:
    """Whether all frames of a training can be like those of its first epochs.

    They are not where the backbone learns, nor where mosaics close before the end.
    """
    learns = bool(model.backbone.trainable_variables)
    closes = config.input.close_mosaic_epochs > 0
    return config.frozen_features == "auto" and not learns and not closes


def epochs_to_keep(config: TrainerConfig, num_examples: int, bytes_per_row: int) -> int:
    """As many as the config says, but no more than there are or `kept_bytes` holds."""
    steps = config.total_steps(num_examples)
    passes = -(-steps * config.input.global_batch_size // num_examples)
    room = config.kept_bytes // (bytes_per_row * num_examples)
    return min(config.kept_epochs, passes, room)


def _shapes(model: Any, config: InputConfig) -> Shapes:
    """Shape and dtype of a kept row by name: of the stages used, and of its truth."""
    stages = model.backbone.compute_output_shape((1, *config.image_size, 3))
    used = [f"P{level}" for level in model.pyramid.lateral_levels]
    features = {name: (tuple(stages[name][1:]), FEATURE_DTYPE.str) for name in used}
    frame = frame_spec(config.image_size, config.max_boxes)
    truth = {name: (tuple(frame[name].shape), frame[name].dtype.name) for name in TRUTH}
    return features | truth


def _key(model: Any, config: TrainerConfig, data: TrainingData) -> str:
    """Digest of what rows are made from; code is in the folder's name."""
    digest = hashlib.sha256(to_json(deciding(config)).encode())
    digest.update(keras.backend.backend().encode())
    made_from = (data.digest, str(data.num_train_examples), *data.class_names)
    digest.update("\n".join(made_from).encode())
    for variable in model.backbone.variables:
        digest.update(np.ascontiguousarray(ops.convert_to_numpy(variable)).tobytes())
    return digest.hexdigest()


def _filled_store(
    directory: str, model: Any, config: TrainerConfig, data: TrainingData, num_rows: int
) -> RowStore | None:
    """All rows, or None where the disk has no room for them; one line says which."""
    shapes = _shapes(model, config.input)
    try:
        store = RowStore(directory, _key(model, config, data), shapes, num_rows)
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)  # half of them fill the disk
        _LOG.warning("features not kept: %s, in %s", error.strerror, directory)
        return None
    start_s, first = time.monotonic(), len(store.names)
    _fill(store, model, data, config.input.global_batch_size)
    _LOG.info(
        "features of %d frames kept (%d epochs, %.0f MiB), %d computed in %.0f s",
        num_rows,
        num_rows // data.num_train_examples,
        num_rows * row_bytes(shapes) / 2**20,
        num_rows - first,
        time.monotonic() - start_s,
    )
    return store


def _fill(store: RowStore, model: Any, data: TrainingData, batch_size: int) -> None:
    """Compute the rows that are missing, in the order of the training's frames."""
    if store.is_full():
        return
    stages_of = _compiled_stages(model)
    unflushed = 0
    # what was flushed before are whole batches
    for batch in data.train(len(store.names) // batch_size):
        stages = stages_of(batch["images"])
        rows = {name: np.asarray(batch[name]) for name in TRUTH}
        for name in store.arrays.keys() - rows.keys():
            values = ops.convert_to_numpy(ops.cast(stages[name], "float32"))
            rows[name] = np.clip(values, -LARGEST, LARGEST)
        ids = [image_id.decode() for image_id in batch[IMAGE_IDS].numpy()]
        store.append(ids, rows)
        unflushed += len(ids)
        if unflushed >= ROWS_TO_FLUSH or store.is_full():
            store.flush()
            unflushed = 0
        if store.is_full():
            return
    raise RuntimeError(f"frames ended at {len(store.names)} of {store.num_rows}")


def _compiled_stages(model: Any) -> Callable[[Any], dict[str, Any]]:
    """Images [B, H, W, 3] -> the backbone's stages, compiled."""
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(model.stages)
        return lambda images: compiled(np.asarray(images))
    return tf.function(model.stages)
