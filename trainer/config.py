"""One training run as data."""

import dataclasses
import json
from typing import Any, Literal

from schemas.config_json import from_json, to_mapping
from schemas.config_rules import refuse_unless
from trainer.input.config import InputConfig
from trainer.model.config import ModelConfig
from trainer.optimizer.config import CosineSchedule, OptimizerConfig

# Fields by which a training is watched and kept; they change nothing of the model.
WATCHING = (
    "checkpoint_every_steps",
    "tensorboard_images",
    "tracking",
    "doctor",
    "doctor_seconds",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnfreezingConfig:
    """A second training, from the best weights of the first, in which more learns.

    Attributes:
      num_epochs: passes over the data; 0: there is no second training (from 0).
      frozen_stages: of the backbone, fewer than in the first training (from 0).
      freeze_batch_norm: of the backbone.
      schedule: of the learning rate.
      backbone_rate: the backbone's part of the rate.
    """

    num_epochs: int = 0
    frozen_stages: int = 3
    freeze_batch_norm: bool = True
    schedule: CosineSchedule = CosineSchedule(
        peak=1e-3, warmup_steps=30, final_fraction=0.01
    )
    backbone_rate: float = 0.3

    def __post_init__(self) -> None:
        refuse_unless(self.num_epochs >= 0, "num_epochs >= 0", self.num_epochs)
        stages = self.frozen_stages
        refuse_unless(stages >= 0, "frozen_stages >= 0", stages)
        rate = self.backbone_rate
        refuse_unless(rate > 0, "backbone_rate > 0", rate)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Everything that decides what the trainer makes of a data set.

    Training lasts `train_steps` steps where that is set, else `num_epochs` passes
    over the data; exactly one of the two is non-zero. Where another follows
    (`unfreezing`), all but these two and what it names itself holds for both, early
    stopping for each by itself. `strategy` "auto" takes the
    GPUs that are there (mirrored if several), else the CPU; `precision` "auto"
    is mixed bfloat16 where `strategy` takes a GPU, and float32 on the CPU.

    Where all stages of the backbone are frozen, `frozen_features` "auto" computes its
    features once: of the first `kept_epochs` passes, as augmented, or of as many as
    `kept_bytes` of disk hold. They are used again until the training ends.

    Attributes:
      model: the RetinaNet.
      input: frames, batches, augmentation.
      levels_from_data: leave out the finest levels of the pyramid where the training
        objects are so large that they need none.
      optimizer: optimiser and learning rate.
      unfreezing: a second training, in which stages learn that were frozen.
      train_steps: length in steps; 0: `num_epochs` counts (from 0).
      num_epochs: length in passes over the data; 0: `train_steps` counts (from 0).
      evaluate_every_epochs: how often mAP is measured (from 1).
      evaluate_every_steps: likewise, within epochs; 0: at their ends only (from 0).
      checkpoint_every_steps: how often (from 1).
      early_stopping_epochs: stop after so many without a better mAP; 0: never (from
        0).
      strategy: on which devices.
      precision: of the arithmetic.
      jit_compile: compile the step by XLA; on JAX it always is.
      frozen_features: whether those of a frozen backbone are computed once.
      kept_epochs: passes whose features are kept.
      kept_bytes: of disk for them.
      tensorboard_images: eval images shown with detections; 0: none (from 0).
      tracking: services beside TensorBoard.
      doctor: look before the first step.
      doctor_seconds: to overfit 8 images in; 0: not done (from 0).
      seed: of weights and order (from 0).
    """

    model: ModelConfig = ModelConfig()
    input: InputConfig = InputConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    unfreezing: UnfreezingConfig = UnfreezingConfig()
    levels_from_data: bool = False
    train_steps: int = 0
    num_epochs: int = 0
    evaluate_every_epochs: int = 1
    evaluate_every_steps: int = 0  # 0: at epochs' ends only
    checkpoint_every_steps: int = 500
    early_stopping_epochs: int = 0  # epochs without a better mAP; 0: never
    strategy: Literal[
        "auto", "cpu", "gpu", "mirrored", "data_parallel", "multi_host"
    ] = "auto"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    jit_compile: bool = False
    frozen_features: Literal["auto", "off"] = "auto"
    kept_epochs: int = 8
    kept_bytes: int = 2 << 30
    tensorboard_images: int = 4  # eval images shown with detections; 0: none
    tracking: tuple[Literal["mlflow", "wandb"], ...] = ()  # beside TensorBoard
    doctor: bool = True
    doctor_seconds: float = 15.0  # to overfit 8 images in; 0: not done
    seed: int = 0

    def steps_per_epoch(self, num_train_examples: int) -> int:
        """Steps of one pass over the data, rounded up; at least one."""
        return max(1, -(-num_train_examples // self.input.global_batch_size))

    def total_steps(self, num_train_examples: int) -> int:
        """Steps of the whole training, the second one included."""
        per_epoch = self.steps_per_epoch(num_train_examples)
        first = self.train_steps or self.num_epochs * per_epoch
        return first + self.unfreezing.num_epochs * per_epoch

    def first_training(self) -> "TrainerConfig":
        """Without what follows it."""
        return dataclasses.replace(self, unfreezing=UnfreezingConfig())

    def second_training(self) -> "TrainerConfig | None":
        """What follows the first one, as a training of its own; None if nothing."""
        then = self.unfreezing
        if then.num_epochs == 0:
            return None
        return dataclasses.replace(
            self.first_training(),
            model=dataclasses.replace(
                self.model,
                frozen_stages=then.frozen_stages,
                freeze_batch_norm=then.freeze_batch_norm,
            ),
            optimizer=dataclasses.replace(
                self.optimizer,
                schedule=then.schedule,
                backbone_rate=then.backbone_rate,
            ),
            train_steps=0,
            num_epochs=then.num_epochs,
        )

    def __post_init__(self) -> None:
        lengths = (self.train_steps, self.num_epochs)
        refuse_unless(min(lengths) >= 0, "train_steps, num_epochs >= 0", lengths)
        if min(lengths) > 0 or max(lengths) == 0:
            raise ValueError(
                "set exactly one of train_steps and num_epochs, got "
                f"train_steps={self.train_steps}, num_epochs={self.num_epochs}"
            )
        stages = (self.unfreezing.frozen_stages, self.model.frozen_stages)
        if self.unfreezing.num_epochs and stages[0] >= stages[1]:
            raise ValueError(
                "unfreezing.frozen_stages must be fewer than model.frozen_stages, of "
                f"which they leave some to learn, got {stages[0]} and {stages[1]}"
            )
        for name in (
            "evaluate_every_steps",
            "early_stopping_epochs",
            "tensorboard_images",
            "doctor_seconds",
            "kept_bytes",
            "seed",
        ):
            refuse_unless(getattr(self, name) >= 0, f"{name} >= 0", getattr(self, name))
        once = len(set(self.tracking)) == len(self.tracking)
        refuse_unless(once, "tracking: each service once", self.tracking)
        refuse_unless(self.kept_epochs >= 1, "kept_epochs >= 1", self.kept_epochs)
        every = (self.evaluate_every_epochs, self.checkpoint_every_steps)
        positive = min(every) >= 1
        refuse_unless(
            positive, "evaluate_every_epochs, checkpoint_every_steps >= 1", every
        )


def deciding(config: TrainerConfig) -> TrainerConfig:
    """The same training, watched as by default: what its model is known by."""
    defaults: dict[str, Any] = {
        each.name: each.default
        for each in dataclasses.fields(config)
        if each.name in WATCHING
    }
    return dataclasses.replace(config, **defaults)


def watching_json(config: TrainerConfig) -> str:
    """The fields that `deciding` leaves out."""
    values = to_mapping(config)
    return json.dumps({name: values[name] for name in WATCHING})


def with_watching(config: TrainerConfig, text: str) -> TrainerConfig:
    """The inverse of both: `deciding` and `watching_json`."""
    values = {**to_mapping(config), **json.loads(text)}
    return from_json(TrainerConfig, json.dumps(values), "trainer")
