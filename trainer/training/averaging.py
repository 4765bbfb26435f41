"""The moving average of what a model has learnt, put in its place for a while."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from trainer.training.jax_state import bring_variables_up_to_date, current_values

Tensor = Any
# Batch norm's, which belong to the weights that they were seen behind.
STATISTICS = ("moving_mean", "moving_variance")


class WeightAverage:
    """Follows a model's weights, and its batch-norm statistics with them.

    Step t moves the average by 1 - min(momentum, (1 + t) / (10 + t)), as TensorFlow's
    ExponentialMovingAverage does, so that a short training forgets its first weights.
    Statistics of the raw weights, which have moved on, would not fit the average.
    """

    def __init__(self, model: Any, momentum: float) -> None:
        bring_variables_up_to_date(model)
        self.model = model
        self.momentum = momentum
        others = model.non_trainable_variables
        self.variables = [
            *model.trainable_variables,
            *(variable for variable in others if variable.name in STATISTICS),
        ]
        self._values: list[Tensor] = []
        self.set([ops.convert_to_numpy(variable) for variable in self.variables])
        self._move = _compiled_move(model, self.variables)

    def follow(self, step: int) -> None:
        """Take the values after so many steps in, the first of them after step 1."""
        momentum = min(self.momentum, (1 + step) / (10 + step))
        self._values = self._move(self._values, np.float32(momentum))

    def arrays(self) -> list[NDArray[np.float32]]:
        """The average of each of `variables`."""
        return [ops.convert_to_numpy(value) for value in self._values]

    def set(self, arrays: Sequence[NDArray[np.float32]]) -> None:
        """Go on from these averages."""
        # copies: JAX gives the memory of a model's values away
        self._values = [ops.convert_to_tensor(array.copy()) for array in arrays]


@contextlib.contextmanager
def averaged_weights(model: Any, average: WeightAverage | None) -> Iterator[None]:
    """Inside, the model's variables hold their moving average, if there is one.

    They keep it where the block ends with an error. Of several processes all put their
    weights back together: one that has failed would wait for the others, and its error
    with it.
    """
    bring_variables_up_to_date(model)
    if average is None:
        yield
        return
    weights = [ops.convert_to_numpy(variable).copy() for variable in average.variables]
    put_average(average)
    yield
    for variable, weight in zip(average.variables, weights, strict=True):
        variable.assign(weight)


def put_average(average: WeightAverage) -> None:
    """Give the model's variables their averages for good."""
    bring_variables_up_to_date(average.model)
    for variable, value in zip(average.variables, average.arrays(), strict=True):
        variable.assign(value)


def _compiled_move(
    model: Any, variables: list[Any]
) -> Callable[[list[Tensor], Any], list[Tensor]]:
    """(averages, momentum) -> the averages moved towards the model's values."""

    def moved(averages: list[Tensor], values: list[Tensor], momentum: Tensor) -> Any:
        pairs = zip(averages, values, strict=True)
        return [a * momentum + value * (1.0 - momentum) for a, value in pairs]

    if keras.backend.backend() == "jax":
        import jax

        move = jax.jit(moved)
        return lambda averages, momentum: move(
            averages, current_values(model, variables), momentum
        )
    import tensorflow as tf

    # reads the variables itself, which is faster than to hand them in one by one
    return tf.function(
        lambda averages, momentum: moved(
            averages, [ops.convert_to_tensor(each) for each in variables], momentum
        ),
        autograph=False,
    )
