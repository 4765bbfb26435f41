"""What the callbacks of one training tell each other."""

import dataclasses

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.metrics.summary import CocoSummary


@dataclasses.dataclass(kw_only=True)
class TrainingState:
    """Where the training stands; `CountSteps` and `Evaluate` write it.

    `summary` is the newest evaluation, of the weights after `evaluated_at` steps, and
    `pictures` [H, W, 3] are images of it; `epochs_since_best` had passed then since the
    evaluation of the best mAP. `history` is what `KeepHistory` noted.
    """

    train_steps: int
    steps_per_epoch: int
    step: int = 0
    best_map: float = -1.0
    best_step: int = 0
    epochs_since_best: float = 0.0
    summary: CocoSummary | None = None
    evaluated_at: int = -1
    pictures: list[NDArray[np.uint8]] = dataclasses.field(default_factory=list)
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)

    @property
    def epoch(self) -> float:
        """Passes over the data so far."""
        return self.step / self.steps_per_epoch


class CountSteps(keras.callbacks.Callback):
    """Keeps `state.step`; comes before all callbacks that read it."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """One more step is done."""
        del batch, logs
        self.state.step += 1
