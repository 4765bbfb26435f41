"""The last checkpoint: at every epoch's end, and every so many steps."""

import keras

from trainer.training.averaging import WeightAverage
from trainer.training.callbacks.state import TrainingState
from trainer.training.checkpoint import CheckpointStore, Progress


class SaveCheckpoints(keras.callbacks.Callback):
    """Saves variables and progress; comes after `Evaluate`, whose numbers it keeps."""

    def __init__(
        self,
        state: TrainingState,
        store: CheckpointStore,
        every_steps: int,
        average: WeightAverage | None = None,
    ) -> None:
        super().__init__()
        self.state = state
        self.store = store
        self.every_steps = every_steps
        self.average = average

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Save inside long epochs."""
        del batch, logs
        state = self.state
        # at an epoch's end the evaluation is still to come: a training resumed from
        # a checkpoint saved now would never evaluate that epoch
        ended = state.step % state.steps_per_epoch == 0
        last = state.step >= state.train_steps
        if state.step % self.every_steps == 0 and not (ended or last):
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save with what the evaluation found."""
        del epoch, logs
        self._save()

    def _save(self) -> None:
        state = self.state
        progress = Progress(
            step=state.step,
            best_map=state.best_map,
            best_step=state.best_step,
            epochs_since_best=state.epochs_since_best,
            history=tuple(state.history),
        )
        self.store.save(self.model, progress, self.average)
