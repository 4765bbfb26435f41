"""Reductions over the replicas of a TensorFlow distribution strategy.

On JAX a batch is one global array, so a sum over it is global already and there is
one replica only.
"""

from typing import Any

import keras

Tensor = Any


def num_replicas_of_scope() -> int:
    """Replicas that a model built here will have; for use outside of replicas."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def num_replicas() -> int:
    """Replicas that work on one global batch in this context."""
    context = _context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def sum_over_replicas(value: Tensor) -> Tensor:
    """The sum of a tensor over all replicas; the tensor itself where there is one."""
    return value if num_replicas() == 1 else _reduced(value, mean=False)


def mean_over_replicas(value: Tensor) -> Tensor:
    """The mean of a tensor over all replicas; the tensor itself where there is one."""
    return value if num_replicas() == 1 else _reduced(value, mean=True)


def _reduced(value: Tensor, mean: bool) -> Tensor:
    import tensorflow as tf

    operation = tf.distribute.ReduceOp.MEAN if mean else tf.distribute.ReduceOp.SUM
    context: Any = _context()
    return context.all_reduce(operation, value)


def _context() -> Any:
    """TensorFlow's replica context; None on other backends or outside of replicas."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.distribute.get_replica_context()
