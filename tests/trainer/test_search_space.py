import dataclasses

import pytest

from pipeline import presets
from schemas.config_json import from_json, to_json
from trainer.search_space import Choice, LogRange, TunerConfig, with_values

PEAK = "trainer.optimizer.schedule.peak"
BOX = "trainer.model.loss.box"
SPACE = (
    LogRange(field=PEAK, low=1e-4, high=1e-2),
    Choice(field=BOX, values=("giou", "ciou")),
)


def test_values_of_a_trial_change_the_fields_that_they_name():
    changed = with_values(presets.cpu_small().trainer, {PEAK: 0.003, BOX: '"ciou"'})
    assert changed.optimizer.schedule.peak == 0.003
    assert changed.model.loss.box == "ciou"
    assert (
        dataclasses.replace(changed.model.loss, box="giou")
        == presets.cpu_small().trainer.model.loss
    )


def test_json_brings_the_config_back():
    config = TunerConfig(trials=3, space=SPACE)
    assert from_json(TunerConfig, to_json(config)) == config


@pytest.mark.parametrize(
    ("dimension", "message"),
    [
        (Choice(field="trainer.sede", values=(1, 2)), "has no field 'sede'"),
        (Choice(field="gate.min_map", values=(1, 2)), "no field of the trainer's"),
        (Choice(field=BOX, values=("giou", "iou")), "takes one of .*, got 'iou'"),
        (LogRange(field="trainer.model.head.prior", low=0.1, high=2.0), "prior < 1"),
        (
            LogRange(field="trainer.unfreezing.backbone_rate", low=0.1, high=1.0),
            "trainer.unfreezing.backbone_rate: a trial has no second training",
        ),
    ],
)
def test_a_space_that_the_trainer_refuses_is_refused_at_once(dimension, message):
    with pytest.raises(ValueError, match=message):
        TunerConfig(trials=1, space=(dimension,)).check(presets.cpu_small().trainer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TunerConfig(trials=2), "needs a tuner.space"),
        (
            lambda: TunerConfig(trials=1, space=SPACE + SPACE),
            "each field of space once",
        ),
        (lambda: LogRange(field=PEAK, low=0.0, high=1.0), "0 < low < high"),
        (lambda: Choice(field=BOX, values=("giou",)), "several different values"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
