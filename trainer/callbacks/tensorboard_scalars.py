"""Losses, rate and mAP for TensorBoard."""

import keras
import tensorflow as tf
from keras import ops

from trainer.callbacks.state import TrainingState
from trainer.jax_state import bring_variables_up_to_date
from trainer.optimizer import unscaled_optimizer

TRAIN_EVERY_STEPS = 20


class TensorBoardScalars(keras.callbacks.Callback):
    """Writes scalars by step; comes after `Evaluate`."""

    def __init__(self, state: TrainingState, directory: str) -> None:
        super().__init__()
        self.state = state
        self.writer = tf.summary.create_file_writer(directory)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Write losses, rate and gradient norm now and then."""
        del batch
        if self.state.step % TRAIN_EVERY_STEPS:
            return
        bring_variables_up_to_date(self.model)
        optimizer = unscaled_optimizer(self.model)
        values = {
            **(logs or {}),
            "learning_rate": ops.convert_to_numpy(optimizer.learning_rate),
            "gradient_norm": ops.convert_to_numpy(optimizer.gradient_norm),
        }
        self._write({f"train/{name}": float(x) for name, x in values.items()})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the newest evaluation."""
        del epoch, logs
        summary = self.state.summary
        if summary is None or self.state.evaluated_at != self.state.step:
            return
        values = {f"eval/{name}": value for name, value in summary.metrics.items()}
        for name, metrics in summary.per_class.items():
            values[f"eval_AP50/{name}"] = metrics["AP50"]
            values[f"eval_AP/{name}"] = metrics["AP"]
        self._write(values)

    def _write(self, values: dict[str, float]) -> None:
        with self.writer.as_default(step=self.state.step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self.writer.flush()
