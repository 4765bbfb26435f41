import dataclasses

import pytest

from schemas.config_json import from_json, to_json
from trainer.config import (
    TrainerConfig,
    cpu_small,
    demo,
    voc_r50_modern,
    voc_retinanet_r50,
)
from trainer.model.config import MatcherConfig
from trainer.optimizer.config import CosineSchedule, OptimizerConfig, PiecewiseSchedule


@pytest.mark.parametrize("recipe", [cpu_small, demo, voc_r50_modern, voc_retinanet_r50])
def test_every_recipe_survives_json_and_says_how_to_run_it(recipe):
    config = recipe()
    assert from_json(TrainerConfig, to_json(config)) == config
    assert "make demo" in recipe.__doc__ or "voc-pipeline run" in recipe.__doc__


def test_the_seeds_recipe_is_to_the_letter():
    config = voc_retinanet_r50()
    optimizer = config.optimizer
    assert (optimizer.kind, optimizer.momentum) == ("sgd", 0.9)
    assert optimizer.clip_global_norm == 10.0
    assert optimizer.schedule.rates == (
        2.5e-06,
        0.000625,
        0.00125,
        0.0025,
        0.00025,
        2.5e-05,
    )
    assert optimizer.schedule.boundaries == (125, 250, 500, 240000, 360000)
    assert config.model.backbone == "resnet50"
    assert config.model.frozen_stages == 5
    names = [type(each).__name__ for each in config.input.augmentations]
    assert "Shear" in names
    assert config.model.matcher == MatcherConfig(
        kind="max_iou", positive_from=0.5, negative_below=0.4
    )


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
        cpu_small().seed = 3
