"""A few images learned by heart, by a copy of the model that is then thrown away."""

import dataclasses
import math
import time

import keras
import numpy as np

from schemas.user_error import UserError
from trainer.model.build import copy_of
from trainer.model.retinanet import RetinaNet
from trainer.training.fit import TrainingData, inputs_and_truth

IMAGES = 8
ROUNDS = 30  # passes over these images
FALL = 0.7  # the loss must fall below this part of the first one
RATE = 1e-3  # Adam's; the recipe's own rate warms up over more steps than these


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The mean loss of each round, and the images per second after the first round."""

    losses: tuple[float, ...]
    images: int
    images_per_s: float

    def line(self) -> str:
        """One line; says so where the time was up before the loss had fallen."""
        lowest = min(self.losses)
        text = (
            f"overfit: the loss of {self.images} images went from {self.losses[0]:.3f} "
            f"to {lowest:.3f} in {len(self.losses)} rounds"
        )
        fallen = lowest <= FALL * self.losses[0]
        return text if fallen else f"{text}; undecided, the time was up"


def overfit(
    model: RetinaNet,
    data: TrainingData,
    batch_size: int,
    seconds: float,
    jit_compile: bool,
) -> ProbeResult:
    """Train a copy of the model on the first images until the loss has fallen.

    Lasts `ROUNDS` rounds at most, and no round begins later than
    `seconds` after the first one, which compiles. The model itself is
    only read.

    Raises UserError where the loss is not finite, or has not fallen after all rounds;
    a model that starts from an earlier one may already be good, and is not judged.
    """
    watch = _Watch(seconds)
    size = min(batch_size, IMAGES)
    batches = data.train(0).map(inputs_and_truth).unbatch().take(IMAGES)
    batches = batches.batch(size).cache()
    steps = math.ceil(IMAGES / size)
    copy = copy_of(model)
    copy.compile(optimizer=keras.optimizers.Adam(RATE), jit_compile=jit_compile)
    copy.fit(
        batches.repeat(),
        epochs=ROUNDS,
        steps_per_epoch=steps,
        callbacks=[watch],
        shuffle=False,
        verbose=0,
    )
    result = ProbeResult(
        losses=tuple(watch.losses),
        images=IMAGES,
        images_per_s=IMAGES / float(np.median(watch.round_s)) if watch.round_s else 0.0,
    )
    _judge(result, bool(model.config.initial_model))
    return result


def _judge(result: ProbeResult, warm: bool) -> None:
    first, lowest = result.losses[0], min(result.losses)
    if not all(math.isfinite(loss) for loss in result.losses):
        raise UserError(
            "the loss is NaN or infinite within the first steps on a few images: look "
            "at them with voc-pipeline show-data, or set trainer.precision=float32"
        )
    if len(result.losses) == ROUNDS and lowest > FALL * first and not warm:
        raise UserError(
            f"the model does not learn {result.images} images by heart: their loss "
            f"went from {first:.3f} to {lowest:.3f} in {ROUNDS} rounds, {FALL} of it "
            "was asked for; look at them with voc-pipeline show-data, unfreeze "
            "(trainer.model.frozen_stages), or set trainer.doctor_seconds=0"
        )


class _Watch(keras.callbacks.Callback):
    """Notes loss and time of each round; ends when the loss has fallen, or in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._deadline = math.inf
        self.losses: list[float] = []
        self.round_s: list[float] = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the round's clock."""
        del epoch, logs
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the round; the first one compiles, so its time says nothing."""
        now = time.monotonic()
        if epoch > 0:
            self.round_s.append(now - self._began)
        else:
            self._deadline = now + self._seconds
        self.losses.append(float((logs or {})["loss"]))
        fallen = self.losses[-1] <= FALL * self.losses[0] and len(self.round_s) > 1
        broken = not math.isfinite(self.losses[-1])
        if fallen or broken or now > self._deadline:
            self.model.stop_training = True
