"""The order in which TensorFlow computes what has no order of its own."""

from typing import Any

import keras

Tensor = Any


def computed_after(value: Tensor, *earlier: Tensor) -> Tensor:
    """The same value, for whose users `earlier` is computed first.

    TensorFlow runs what became ready last first, and what is ready from the start at
    once. So it would leave sums over large tensors, such as a bias's gradient, to the
    end of a step, and make the targets at its beginning: all of that stays in memory in
    between. What is computed again from such a value is not merged with what was
    computed before, either. XLA, and so JAX, finds an order for its memory by itself;
    there nothing is done here.
    """
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf

    with tf.control_dependencies(earlier):
        return tf.identity(value)
