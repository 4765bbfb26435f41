"""Which scalars a training reports, and when; where they go is a subclass's to say."""

import keras
from keras import ops

from trainer.optimizer.build import unscaled_optimizer
from trainer.training.callbacks.state import TrainingState
from trainer.training.jax_state import learning_rate_of

TRAIN_EVERY_STEPS = 20


class WriteScalars(keras.callbacks.Callback):
    """Hands on losses and rate now and then, and each evaluation once, by step.

    Comes after `Evaluate`. Subclasses say what `write` does.
    """

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state
        self._written_evaluation = -1

    def write(self, values: dict[str, float]) -> None:
        """Take scalars of `state.step`."""
        raise NotImplementedError

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Write losses, rate and gradient norm, and evaluations inside of an epoch."""
        del batch
        if self.state.step % TRAIN_EVERY_STEPS == 0:
            optimizer = unscaled_optimizer(self.model)
            values = {
                **(logs or {}),
                "learning_rate": learning_rate_of(self.model),
                "gradient_norm": ops.convert_to_numpy(optimizer.gradient_norm),
            }
            self.write({f"train/{name}": float(x) for name, x in values.items()})
        self.on_evaluation()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch's evaluation."""
        del epoch, logs
        self.on_evaluation()

    def on_evaluation(self) -> bool:
        """Write the newest evaluation; False where there is none of this step."""
        state = self.state
        new = state.evaluated_at not in (self._written_evaluation, -1)
        if state.summary is None or not new:
            return False
        self._written_evaluation = state.evaluated_at
        values = {f"eval/{name}": x for name, x in state.summary.metrics.items()}
        for name, metrics in state.summary.per_class.items():
            values[f"eval_AP50/{name}"] = metrics["AP50"]
            values[f"eval_AP/{name}"] = metrics["AP"]
        self.write(values)
        return True
