"""COCO mAP on the eval split, through the real decoding and NMS."""

from collections.abc import Callable, Iterable, Sequence

import keras

from trainer.evaluation.evaluate import (
    Batch,
    Detect,
    compiled_detector,
    evaluate_batches,
)
from trainer.evaluation.pictures import EvaluationPictures
from trainer.training.averaging import WeightAverage, averaged_weights
from trainer.training.callbacks.state import TrainingState
from trainer.training.checkpoint import CheckpointStore, Progress
from trainer.training.hosts import Arrays


class Evaluate(keras.callbacks.Callback):
    """Scores the averaged weights every so often and keeps the best ones.

    Every `every_epochs` epochs, every `every_steps` steps if that is not 0, and
    after the last step. Adds mAP, AP50 and recall (AR100) to the epoch's logs, and
    leaves the images that a new `picture()` keeps in the state. `gather` gives what
    every process found, where each evaluates a part.
    """

    def __init__(  # noqa: PLR0913  what to judge, when, and where it goes
        self,
        state: TrainingState,
        batches: Callable[[], Iterable[Batch]],
        class_names: Sequence[str],
        store: CheckpointStore,
        every_epochs: int = 1,
        every_steps: int = 0,
        picture: Callable[[], EvaluationPictures] | None = None,
        average: WeightAverage | None = None,
        gather: Callable[[Arrays], list[Arrays]] = lambda arrays: [arrays],
    ) -> None:
        super().__init__()
        self.state = state
        self.batches = batches
        self.class_names = class_names
        self.store = store
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.picture = picture
        self.average = average
        self.gather = gather
        self._detect: Detect | None = None

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Evaluate inside long epochs."""
        del batch, logs
        if self.every_steps and self.state.step % self.every_steps == 0:
            self._evaluate()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluate the epochs that are due, and the last one."""
        done = self.state.step >= self.state.train_steps
        due = (epoch + 1) % self.every_epochs == 0
        if (due or done) and self.state.evaluated_at != self.state.step:
            self._evaluate()
        if logs is not None and self.state.evaluated_at == self.state.step:
            logs.update(self.numbers())

    def numbers(self) -> dict[str, float]:
        """The newest evaluation as scalars."""
        summary = self.state.summary
        if summary is None:
            return {}
        metrics = summary.metrics
        numbers = {
            "mAP": metrics["AP"],
            "AP50": metrics["AP50"],
            "AR100": metrics["AR100"],
        }
        per_class = summary.per_class.items()
        return numbers | {f"AP50/{name}": each["AP50"] for name, each in per_class}

    def _evaluate(self) -> None:
        state = self.state
        self._detect = self._detect or compiled_detector(self.model)
        pictures = self.picture() if self.picture else None
        with averaged_weights(self.model, self.average):
            state.summary = evaluate_batches(
                self._detect,
                self.batches(),
                self.class_names,
                pictures.add if pictures else None,
                self.gather,
            )
            if pictures:
                pictures.join(self.gather)
            state.pictures = pictures.pictures() if pictures else []
            state.evaluated_at = state.step
            map_ = state.summary.metrics["AP"]
            if map_ > state.best_map or state.best_map < 0:
                state.best_map, state.best_step = map_, state.step
                progress = Progress(step=state.step, best_map=map_)
                self.store.save_best(self.model, progress)
            since = state.step - state.best_step
            state.epochs_since_best = since / state.steps_per_epoch
