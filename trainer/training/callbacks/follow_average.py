"""The moving average follows the weights."""

import keras

from trainer.training.averaging import WeightAverage
from trainer.training.callbacks.state import TrainingState


class FollowAverage(keras.callbacks.Callback):
    """Takes each step in; comes before `Evaluate`, which judges the average."""

    def __init__(self, state: TrainingState, average: WeightAverage) -> None:
        super().__init__()
        self.state = state
        self.average = average

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """One step more."""
        del batch, logs
        self.average.follow(self.state.step)
