"""Where a model's values are while JAX trains it."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray


def bring_variables_up_to_date(model: Any) -> None:
    """Lets a callback read and set variables inside an epoch.

    There JAX's live in the step function, and the model's own are empty; on other
    backends nothing need be done.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


def optimizer_value(model: Any, variable: Any) -> NDArray[Any]:
    """What a variable of the model's optimiser holds, also inside an epoch.

    It takes one value out of JAX's step function, where `bring_variables_up_to_date`
    takes all: too much to do at each step.
    """
    inside = keras.backend.backend() == "jax" and getattr(model, "_jax_state", None)
    if not inside or model._jax_state_synced:
        return ops.convert_to_numpy(variable)
    values = model._jax_state["optimizer_variables"]
    places = [each is variable for each in model.optimizer.variables]
    return np.asarray(values[places.index(True)])
