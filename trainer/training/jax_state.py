"""Where a model's values are while JAX trains it."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from trainer.evaluation.evaluate import local
from trainer.optimizer.build import unscaled_optimizer


def bring_variables_up_to_date(model: Any) -> None:
    """Lets a callback read and set variables inside an epoch.

    There JAX's live in the step function, and the model's own are empty; on other
    backends nothing need be done.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


def learning_rate_of(model: Any) -> float:
    """The rate of the model's next step, also inside an epoch."""
    bring_variables_up_to_date(model)
    return float(ops.convert_to_numpy(unscaled_optimizer(model).learning_rate))


def current_values(model: Any, variables: list[Any]) -> list[Any]:
    """The arrays that these variables of a model on JAX hold, also inside an epoch.

    Those of this process, where several train one model: all have the same.
    """
    if not _is_inside(model):
        return [local(variable.value) for variable in variables]
    values = {
        id(variable): value
        for kind in ("trainable_variables", "non_trainable_variables")
        for variable, value in zip(
            getattr(model, kind), model._jax_state[kind], strict=True
        )
    }
    return [local(values[id(variable)]) for variable in variables]


def optimizer_value(model: Any, variable: Any) -> NDArray[Any]:
    """What a variable of the model's optimiser holds, also inside an epoch.

    It takes one value out of JAX's step function, where `bring_variables_up_to_date`
    takes all: too much to do at each step.
    """
    if not _is_inside(model):
        return ops.convert_to_numpy(variable)
    values = model._jax_state["optimizer_variables"]
    places = [each is variable for each in model.optimizer.variables]
    return np.asarray(values[places.index(True)])


def _is_inside(model: Any) -> bool:
    """Whether JAX's step function holds the values, and the variables are empty."""
    if keras.backend.backend() != "jax" or not getattr(model, "_jax_state", None):
        return False
    return not model._jax_state_synced
