"""What the Tuner tries: fields of the trainer's config and values for them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal

from schemas.config_json import assign_field, from_mapping, to_mapping
from schemas.config_rules import refuse_unless
from trainer.config import TrainerConfig

_PREFIX = "trainer."


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogRange:
    """Numbers from `low` to `high`, of which each decade is as likely as another."""

    field: str  # as in --set: trainer.optimizer.schedule.peak
    low: float
    high: float

    def __post_init__(self) -> None:
        ordered = 0 < self.low < self.high
        refuse_unless(ordered, f"0 < low < high of {self.field}", (self.low, self.high))

    @property
    def ends(self) -> tuple[float, float]:
        """The outermost values."""
        return self.low, self.high


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One of `values`, each as likely; the Tuner knows them by their JSON."""

    field: str
    values: tuple[str | int | float | bool, ...]

    def __post_init__(self) -> None:
        several = len(set(map(json.dumps, self.values))) == len(self.values) > 1
        refuse_unless(several, f"several different values of {self.field}", self.values)

    @property
    def ends(self) -> tuple[str | int | float | bool, ...]:
        """All values: none lies between others."""
        return self.values


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunerConfig:
    """How many trainings the Tuner tries, how long each, and from what space.

    With 0 `trials`, the default, there is no Tuner and nothing else here counts.
    `num_epochs` is the length of a trial, `oracle` the way to choose the next one.

    Attributes:
      trials: trainings before the real one; 0: none (from 0).
      num_epochs: of each trial (from 1).
      oracle: how the next values are chosen.
      space: fields and what is tried for them: LogRange or Choice.
      seed: of the choice.
    """

    trials: int = 0
    num_epochs: int = 5
    oracle: Literal["random", "bayesian"] = "bayesian"
    space: tuple[LogRange | Choice, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_unless(self.trials >= 0, "trials >= 0", self.trials)
        refuse_unless(self.num_epochs >= 1, "num_epochs >= 1", self.num_epochs)
        if self.trials and not self.space:
            raise ValueError("tuner.trials needs a tuner.space of at least one field")
        fields = [dimension.field for dimension in self.space]
        refuse_unless(
            len(set(fields)) == len(fields), "each field of space once", fields
        )

    def check(self, trainer: TrainerConfig) -> None:
        """Raises ValueError where `trainer` lacks a field or refuses a value.

        Or where a value would change nothing that a trial finds.
        """
        for dimension in self.space:
            if dimension.field.startswith(f"{_PREFIX}unfreezing"):
                raise ValueError(
                    f"tuner.space: {dimension.field}: a trial has no second training, "
                    "so that all values would look alike; leave it out"
                )
            for value in dimension.ends:
                with_values(trainer, {dimension.field: json.dumps(value)})


def with_values(config: TrainerConfig, values: Mapping[str, Any]) -> TrainerConfig:
    """The config with the values of a trial by field; a value is a number or JSON."""
    tree = {"trainer": to_mapping(config)}
    for field, value in values.items():
        if not field.startswith(_PREFIX):
            raise ValueError(f"tuner.space: {field} is no field of the trainer's")
        typed = json.loads(value) if isinstance(value, str) else value
        assign_field(tree, field.split("."), typed)
    return from_mapping(TrainerConfig, tree["trainer"], "trainer")
