"""The moving average of the weights, put in their place for a while."""

import contextlib
from collections.abc import Iterator
from typing import Any

from keras import ops

from trainer.optimizer.build import unscaled_optimizer
from trainer.training.jax_state import bring_variables_up_to_date


@contextlib.contextmanager
def averaged_weights(model: Any) -> Iterator[None]:
    """Inside, the model's trainable variables hold their moving average.

    Nothing happens where the optimiser keeps none, or has not taken a step.
    """
    bring_variables_up_to_date(model)
    optimizer = unscaled_optimizer(model)
    if not optimizer.use_ema or int(ops.convert_to_numpy(optimizer.iterations)) == 0:
        yield
        return
    variables = model.trainable_variables
    weights = [ops.convert_to_numpy(variable).copy() for variable in variables]
    # Keras offers no public name for the averages
    averages = optimizer._model_variables_moving_average
    for variable, average in zip(variables, averages, strict=True):
        variable.assign(average)
    try:
        yield
    finally:
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)
