"""Batches of kept rows, in an order that a training can enter at any step."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.features.row_store import RowStore, Shapes
from trainer.training.fit import TRUTH

STAGES, IMAGE_IDS = "stages", "image_ids"


@dataclasses.dataclass(frozen=True)
class RowOrder:
    """The rows that a step takes: all once per pass, each pass in another order."""

    num_rows: int
    batch_size: int
    seed: int

    def rows_from(self, step: int) -> Iterator[NDArray[np.int64]]:
        """Row indices [B] of this step and of all after it, a function of both."""
        position = step * self.batch_size
        current = -1
        order: NDArray[np.int64] = np.empty(0, np.int64)
        while True:
            rows = np.empty(self.batch_size, np.int64)
            for place in range(self.batch_size):
                number, within = divmod(position + place, self.num_rows)
                if number != current:
                    random = np.random.default_rng((self.seed, number))
                    current, order = number, random.permutation(self.num_rows)
                rows[place] = order[within]
            position += self.batch_size
            yield rows


def places_in_use(classes: NDArray[np.int32]) -> int:
    """Places for boxes past which no row has one, at least 1.

    classes [N, places], -1 where there is no box.
    """
    used = np.flatnonzero((classes >= 0).any(axis=0))
    return int(used[-1]) + 1 if used.size else 1


def batches_by_step(
    store: RowStore, shapes: Shapes, order: RowOrder
) -> Callable[[int], tf.data.Dataset]:
    """Step -> an endless dataset of batches that begins with it.

    A batch has what the input pipeline's has for a training, but `stages` for `images`,
    and no more places for boxes than its rows use: targets cost time for each place.
    """
    places = places_in_use(store.arrays["gt_classes"])

    def batches(step: int) -> Iterator[dict[str, Any]]:
        for rows in order.rows_from(step):
            values = {name: array[rows] for name, array in store.arrays.items()}
            truth = {name: values.pop(name)[:, :places] for name in TRUTH}
            ids = np.array([store.names[row] for row in rows], object)
            yield {STAGES: values, IMAGE_IDS: ids, **truth}

    specs: dict[str, Any] = {
        name: tf.TensorSpec([order.batch_size, *shape], np.dtype(dtype))
        for name, (shape, dtype) in shapes.items()
    }
    truth_specs: dict[str, Any] = {}
    for name in TRUTH:
        batch, _, *rest = specs[name].shape
        spec = tf.TensorSpec([batch, places, *rest], specs.pop(name).dtype)
        truth_specs[name] = spec
    ids_spec = tf.TensorSpec([order.batch_size], tf.string)
    signature = {STAGES: specs, IMAGE_IDS: ids_spec, **truth_specs}

    def from_step(step: int) -> tf.data.Dataset:
        dataset = tf.data.Dataset.from_generator(
            lambda: batches(step), output_signature=signature
        )
        options = tf.data.Options()
        options.deterministic = True
        # as the input pipeline's: a strategy splits each batch, not the files
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.OFF
        )
        return dataset.prefetch(2).with_options(options)

    return from_step
