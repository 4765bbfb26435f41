"""The training itself: data, model, callbacks, and going on where it stopped."""

import dataclasses
import functools
import hashlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from schemas.config_json import to_json
from schemas.detection_example import DetectionExample
from trainer.config import TrainerConfig, deciding
from trainer.evaluation.pictures import EvaluationPictures
from trainer.input.host import ONE_HOST, Host
from trainer.training.averaging import WeightAverage, put_average
from trainer.training.callbacks.evaluate import Evaluate
from trainer.training.callbacks.follow_average import FollowAverage
from trainer.training.callbacks.keep_history import KeepHistory
from trainer.training.callbacks.non_finite import StopOnNonFinite
from trainer.training.callbacks.save_checkpoints import SaveCheckpoints
from trainer.training.callbacks.show_progress import ShowProgress
from trainer.training.callbacks.state import CountSteps, TrainingState
from trainer.training.callbacks.stop_early import StopEarly, out_of_patience
from trainer.training.callbacks.tensorboard import TensorBoard
from trainer.training.callbacks.track import Track
from trainer.training.checkpoint import CheckpointStore, Progress
from trainer.training.checkpoint_copy import CheckpointCopy
from trainer.training.hosts import gathered
from trainer.training.learning_curves import (
    CURVES_FILE,
    HISTORY_FILE,
    draw_curves,
    history_csv,
)
from trainer.training.tracking import Tracker

_LOG = logging.getLogger(__name__)
TRUTH = ("gt_boxes", "gt_classes", "gt_difficult")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Batches by start step, batches of one evaluation, and the size of the split.

    `train(step)` is an endless tf.data.Dataset that starts with the batch of that
    step; `evaluation()` gives each eval image once, and `stored(n)` the first n of
    its examples as they lie in their files. `digest` is of the contents of both splits;
    "" where nothing of the training is kept for another one. Of several processes that
    train together, `train` gives the rows of each batch that are `host`'s, and
    `evaluation` its part of the images. `train_until(step, train_steps)`, where given,
    is `train` of a training that ends after `train_steps` steps: its last epochs may be
    others.
    """

    train: Callable[[int], Any]
    evaluation: Callable[[], Any]
    num_train_examples: int
    class_names: Sequence[str]
    stored: Callable[[int], Sequence[DetectionExample]] = lambda count: ()
    digest: str = ""
    host: Host = ONE_HOST
    train_until: Callable[[int, int], Any] | None = None

    def until(self, train_steps: int) -> "TrainingData":
        """The same for a training that ends after `train_steps` steps."""
        until = self.train_until
        if until is None:
            return self
        return dataclasses.replace(self, train=lambda step: until(step, train_steps))


def is_begun(config: TrainerConfig, data: TrainingData, checkpoint_dir: str) -> bool:
    """Whether `fit` would go on from a checkpoint of the same config and data."""
    store = CheckpointStore(checkpoint_dir, fingerprint(config, data))
    return store.is_begun()


def fit(  # noqa: PLR0913  what to train on what, and where all of it goes
    model: Any,
    config: TrainerConfig,
    data: TrainingData,
    checkpoint_dir: str,
    log_dir: str,
    trackers: Sequence[Tracker] = (),
    checkpoint_copy: CheckpointCopy | None = None,
    after: TrainingState | None = None,
) -> TrainingState:
    """Train a compiled model to its last step; it ends with the best weights found.

    Goes on from the newest checkpoint in `checkpoint_dir` if config and data are the
    same. Returns where the training stands then. With `after`, the end of an earlier
    training of the same weights, steps and history go on from there, and only what is
    better than its best counts as found.
    """
    made_from = fingerprint(config, data)
    store = CheckpointStore(checkpoint_dir, made_from, checkpoint_copy, data.host)
    model.optimizer.build(model.trainable_variables)
    state = _first_state(config, data, after)
    momentum = config.optimizer.ema_momentum
    average = WeightAverage(model, momentum) if momentum else None
    earlier = store.restore_latest(model, average)
    if earlier is not None:
        state.step, state.best_map = earlier.step, earlier.best_map
        state.best_step = earlier.best_step
        state.epochs_since_best = earlier.epochs_since_best
        state.history = list(earlier.history)
        _LOG.info("going on at step %d of %d", state.step, state.train_steps)
    callbacks = _callbacks(state, config, data, store, log_dir, trackers, average)
    for span in _spans(state, config.early_stopping_epochs):
        model.fit(
            data.train(span.first_step).map(inputs_and_truth),
            initial_epoch=span.first_epoch,
            epochs=span.last_epoch,
            steps_per_epoch=span.steps_per_epoch,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
        if model.stop_training:
            break
    best = store.restore_best(model)
    if best is not None:
        _LOG.info("%s", _best_line(best, model.compute_dtype))
    elif average is not None:
        put_average(average)
    if data.host.is_first:
        _write_history(state, log_dir)
    return state


def _first_state(
    config: TrainerConfig, data: TrainingData, after: TrainingState | None
) -> TrainingState:
    """Before the first step: of nothing, or of a training that follows another."""
    steps = config.total_steps(data.num_train_examples)
    per_epoch = config.steps_per_epoch(data.num_train_examples)
    if after is None:
        return TrainingState(train_steps=steps, steps_per_epoch=per_epoch)
    return TrainingState(
        train_steps=after.step + steps,
        steps_per_epoch=per_epoch,
        step=after.step,
        best_map=after.best_map,
        best_step=after.step,  # so that patience begins anew
        history=list(after.history),
    )


def _best_line(best: Progress, compute_dtype: str) -> str:
    """Which weights are kept, and what else their mAP may come out as elsewhere."""
    line = (
        f"kept the weights of step {best.step}: mAP {best.best_map:.4f}, difficult "
        "objects ignored"
    )
    if compute_dtype == "float32":
        return line
    return f"{line}; computed in {compute_dtype}, the exported model's is in float32"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Span:
    """One call of Keras's fit: epochs of one length."""

    first_step: int
    first_epoch: int
    last_epoch: int
    steps_per_epoch: int


def _spans(state: TrainingState, patience: int) -> Iterator[_Span]:
    """The rest of a begun epoch, the full epochs, and what is over at the end.

    None after an epoch with which an earlier run has stopped early.
    """
    per_epoch = state.steps_per_epoch
    while state.step < state.train_steps:
        epoch, begun = divmod(state.step, per_epoch)
        if begun == 0 and out_of_patience(state, patience):
            return
        left = state.train_steps - state.step
        full_epochs = left // per_epoch
        whole = begun == 0 and full_epochs > 0
        yield _Span(
            first_step=state.step,
            first_epoch=epoch,
            last_epoch=epoch + (full_epochs if whole else 1),
            steps_per_epoch=per_epoch if whole else min(per_epoch - begun, left),
        )


def _callbacks(
    state: TrainingState,
    config: TrainerConfig,
    data: TrainingData,
    store: CheckpointStore,
    log_dir: str,
    trackers: Sequence[Tracker],
    average: WeightAverage | None,
) -> list[keras.callbacks.Callback]:
    def image_ids(step: int) -> list[str]:
        batch = next(iter(data.train(step)))
        return [image_id.decode() for image_id in batch["image_ids"].numpy()]

    evaluate = Evaluate(
        state,
        data.evaluation,
        data.class_names,
        store,
        config.evaluate_every_epochs,
        config.evaluate_every_steps,
        lambda: EvaluationPictures(
            config.tensorboard_images, config.seed, data.class_names
        ),
        average,
        functools.partial(gathered, host=data.host),
    )
    follow = [FollowAverage(state, average)] if average is not None else []
    # in this order: each reads what those before it have found
    callbacks = [
        CountSteps(state),
        StopOnNonFinite(state, image_ids, data.host),
        *follow,
        evaluate,
        KeepHistory(state),
        SaveCheckpoints(state, store, config.checkpoint_every_steps, average),
    ]
    if data.host.is_first:
        callbacks += [TensorBoard(state, log_dir), ShowProgress(state)]
    if trackers:
        callbacks.append(Track(state, trackers))
    if config.early_stopping_epochs:
        callbacks.append(StopEarly(state, config.early_stopping_epochs))
    return callbacks


def _write_history(state: TrainingState, directory: str) -> None:
    """The rows and their curves, those of the training before a resume included."""
    encoded = io.BytesIO()
    draw_curves(state.history).savefig(encoded, format="png")
    tf.io.gfile.makedirs(directory)
    with tf.io.gfile.GFile(f"{directory}/{HISTORY_FILE}", "w") as file:
        file.write(history_csv(state.history))
    with tf.io.gfile.GFile(f"{directory}/{CURVES_FILE}", "wb") as file:
        file.write(encoded.getvalue())


def inputs_and_truth(batch: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A batch as the x and y that the model is fitted to.

    x are images, or what a frozen backbone made of them.
    """
    truth = {name: batch[name] for name in TRUTH}
    # a distribution strategy sums what it gathers, and cannot sum booleans
    truth["gt_difficult"] = tf.cast(truth["gt_difficult"], tf.int32)
    return batch["stages" if "stages" in batch else "images"], truth


def fingerprint(config: TrainerConfig, data: TrainingData) -> str:
    """Digest of config, data, class names and backend, by which a training is known."""
    made_from = (
        to_json(deciding(config)),
        keras.backend.backend(),
        str(data.num_train_examples),
        data.digest,
    )
    text = [*made_from, *data.class_names]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()
