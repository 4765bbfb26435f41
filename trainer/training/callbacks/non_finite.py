"""A loss or gradient that is no number stops the training and names the images."""

import math
from collections.abc import Callable, Sequence

import keras

from schemas.user_error import UserError
from trainer.input.host import ONE_HOST, Host
from trainer.optimizer.build import unscaled_optimizer
from trainer.training.callbacks.state import TrainingState
from trainer.training.jax_state import optimizer_value


class NonFiniteLossError(UserError):
    """Losses or gradients became NaN or infinite."""


class StopOnNonFinite(keras.callbacks.Callback):
    """Raises at the first step whose losses or gradient are NaN or Inf.

    A gradient that is none spoils the weights a step before any loss shows it, and a
    checkpoint might hold them; so this comes before what saves.

    `image_ids_of_step` makes the batch of a step once more: the input pipeline gives
    the same batch for the same step, so nothing need be remembered. Of several
    processes each names the images that it has read.
    """

    def __init__(
        self,
        state: TrainingState,
        image_ids_of_step: Callable[[int], Sequence[str]],
        host: Host = ONE_HOST,
    ) -> None:
        super().__init__()
        self.state = state
        self.image_ids_of_step = image_ids_of_step
        self.host = host

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Look at the running losses: one NaN makes them NaN for good."""
        del batch
        values = {name: float(value) for name, value in (logs or {}).items()}
        norm = unscaled_optimizer(self.model).gradient_norm
        values["gradient norm"] = float(optimizer_value(self.model, norm))
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            images = ", ".join(self.image_ids_of_step(self.state.step - 1))
            host = self.host
            part = f" in process {host.index} of {host.count}" if host.count > 1 else ""
            raise NonFiniteLossError(
                f"{', '.join(broken)} is NaN or infinite at step {self.state.step}; "
                f"images of its batch{part}: {images}. Look at their boxes "
                "(voc-pipeline show-data), lower the peak rate, or clip harder. "
                "Checkpoints hold the weights of before."
            )
