"""Sums over the replicas of a TensorFlow distribution strategy."""

from typing import Any

import keras

Tensor = Any


def sum_over_replicas(value: Tensor) -> Tensor:
    """The sum of a scalar over all replicas; the scalar itself where there is one.

    On JAX a batch is one global array, so a sum over it is global already.
    """
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
