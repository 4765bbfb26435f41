import dataclasses

import pytest

from trainer.config import TrainerConfig, deciding, watching_json, with_watching
from trainer.optimizer.config import CosineSchedule, OptimizerConfig, PiecewiseSchedule


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "set exactly one of train_steps and num_epochs"),
        ({"train_steps": 5, "num_epochs": 5}, "got train_steps=5, num_epochs=5"),
        ({"num_epochs": -1}, "train_steps, num_epochs >= 0"),
        ({"num_epochs": 1, "checkpoint_every_steps": 0}, "checkpoint_every_steps >= 1"),
        ({"num_epochs": 1, "seed": -1}, "seed >= 0, got -1"),
    ],
)
def test_lengths_and_intervals_are_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        TrainerConfig(**fields)


def test_schedules_and_optimisers_are_checked():
    with pytest.raises(ValueError, match="one rate more than boundaries"):
        PiecewiseSchedule(boundaries=(5,), rates=(0.1,))
    with pytest.raises(ValueError, match="increasing boundaries"):
        PiecewiseSchedule(boundaries=(5, 5), rates=(0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match="peak > 0"):
        CosineSchedule(peak=0.0)
    with pytest.raises(ValueError, match="ema_momentum < 1"):
        OptimizerConfig(ema_momentum=1.0)


def test_configs_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainerConfig(num_epochs=1).seed = 3


def test_a_config_is_put_together_again_from_what_decides_and_what_watches():
    config = TrainerConfig(
        num_epochs=3, seed=5, tracking=("mlflow",), doctor=False, tensorboard_images=1
    )
    decides = deciding(config)
    assert (decides.seed, decides.doctor, decides.tracking) == (5, True, ())
    assert with_watching(decides, watching_json(config)) == config
    assert deciding(dataclasses.replace(config, doctor_seconds=3.0)) == decides
