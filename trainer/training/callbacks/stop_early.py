"""Stop when mAP has not become better for a while."""

import logging

import keras

from trainer.training.callbacks.state import TrainingState

_LOG = logging.getLogger(__name__)


def out_of_patience(state: TrainingState, patience: int) -> bool:
    """Whether the best mAP was `patience` epochs old when last evaluated; 0: never."""
    return 0 < patience <= state.epochs_since_best


class StopEarly(keras.callbacks.Callback):
    """Ends training when `patience` epochs have brought no better mAP.

    That is looked at where there was an evaluation, so an epoch later than it could be
    where these are rarer.
    """

    def __init__(self, state: TrainingState, patience: int) -> None:
        super().__init__()
        self.state = state
        self.patience = patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look at what `Evaluate` found."""
        del logs
        if out_of_patience(self.state, self.patience):
            _LOG.info(
                "stopped after epoch %d: no better mAP than %.3f in %.0f epochs",
                epoch + 1,
                self.state.best_map,
                self.state.epochs_since_best,
            )
            self.model.stop_training = True
