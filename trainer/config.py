"""One training run as data."""

import dataclasses
import json
from typing import Any, Literal

from schemas.config_json import from_json, to_mapping
from schemas.config_rules import refuse_unless
from trainer.input.config import InputConfig
from trainer.model.config import ModelConfig
from trainer.optimizer.config import OptimizerConfig

# Fields by which a training is watched and kept; they change nothing of the model.
WATCHING = (
    "checkpoint_every_steps",
    "tensorboard_images",
    "tracking",
    "doctor",
    "doctor_seconds",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Everything that decides what the trainer makes of a data set.

    Training lasts `train_steps` steps where that is set, else `num_epochs` passes
    over the data; exactly one of the two is non-zero. `strategy` "auto" takes the
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
        """Steps of the whole training."""
        epochs = self.num_epochs * self.steps_per_epoch(num_train_examples)
        return self.train_steps or epochs

    def __post_init__(self) -> None:
        lengths = (self.train_steps, self.num_epochs)
        refuse_unless(min(lengths) >= 0, "train_steps, num_epochs >= 0", lengths)
        if min(lengths) > 0 or max(lengths) == 0:
            raise ValueError(
                "set exactly one of train_steps and num_epochs, got "
                f"train_steps={self.train_steps}, num_epochs={self.num_epochs}"
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
