"""The training so far as rows: what the learning curves are drawn from."""

import keras

from trainer.training.callbacks.state import TrainingState
from trainer.training.jax_state import learning_rate_of


class KeepHistory(keras.callbacks.Callback):
    """Adds a row to `state.history` at each epoch's end and at each evaluation.

    Losses are means over the epoch so far. Comes after `Evaluate`, and before
    `SaveCheckpoints`, which keeps the rows for a resumed training.
    """

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """An evaluation inside of an epoch makes a row."""
        del batch
        if self.state.evaluated_at == self.state.step:
            self._add(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Every epoch makes a row."""
        del epoch
        self._add(logs or {})

    def _add(self, logs: dict[str, float]) -> None:
        state = self.state
        row = {"step": float(state.step), "epoch": state.epoch}
        losses = (name for name in logs if name.endswith("loss"))
        row |= {name: float(logs[name]) for name in losses}
        row["learning_rate"] = learning_rate_of(self.model)
        if state.summary is not None and state.evaluated_at == state.step:
            metrics = state.summary.metrics
            row |= {"mAP": metrics["AP"], "AP50": metrics["AP50"]}
            row["AR100"] = metrics["AR100"]
        if state.history and state.history[-1]["step"] == row["step"]:
            state.history.pop()  # the evaluation of the epoch's last step
        state.history.append(row)
