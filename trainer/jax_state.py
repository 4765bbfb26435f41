"""Where a model's values are while JAX trains it."""

from typing import Any

import keras


def bring_variables_up_to_date(model: Any) -> None:
    """Lets a callback read and set variables inside an epoch.

    There JAX's live in the step function, and the model's own are empty; on other
    backends nothing need be done.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
