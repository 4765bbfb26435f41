"""What a metric's state needs that Keras has no word for, by backend."""

from typing import Any

import keras
from keras import ops

Tensor = Any


def write_rows(variable: keras.Variable, index: Tensor, rows: Tensor) -> None:
    """Sets variable[index[i]] = rows[i]; in place where the backend can."""
    value = variable.value
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # A replica has no other way to a scatter into its own part of a distributed
        # variable than the handle. In a stateless scope the value is a tensor.
        if isinstance(value, tf.Variable) and tf.distribute.get_replica_context():
            tf.raw_ops.ResourceScatterNdUpdate(
                ref=value.handle, indices=index[:, None], updates=rows
            )
            return
    variable.assign(ops.scatter_update(value, index[:, None], rows))


def replica_and_count() -> tuple[Tensor, int]:
    """The number of this replica, and how many there are."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is None:
            if tf.executing_eagerly():
                raise ValueError("update metrics inside strategy.run, not around it")
            return 0, 1  # Keras builds a model by tracing a step that never runs
        return context.replica_id_in_sync_group, context.num_replicas_in_sync
    return 0, 1


def only_with(data: Tensor, count: Tensor) -> Tensor:
    """The same count, which a graph does not know before it has `data`.

    Keras learns that a data set has ended from the step that finds no batch any more,
    and TensorFlow runs of that step all that needs none: a constant would be counted.
    """
    if keras.backend.backend() != "tensorflow":
        return count
    import tensorflow as tf

    with tf.control_dependencies([data]):
        return tf.identity(count)


def is_traced(variable: keras.Variable) -> bool:
    """Whether the code runs inside a graph, where values are not known yet."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.executing_eagerly()
    if keras.backend.backend() == "jax":
        import jax

        return isinstance(variable.value, jax.core.Tracer)
    return False
