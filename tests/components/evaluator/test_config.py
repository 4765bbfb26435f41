import pytest

from components.evaluator.config import GateConfig
from schemas.config_json import from_json, to_json


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "the gate needs a threshold"),
        ({"min_map": 1.2}, "0 <= min_map <= 1, got 1.2"),
        ({"min_ap50": -0.1}, "0 <= min_ap50 <= 1, got -0.1"),
        ({"min_map": 0.1, "max_map_drop": 2.0}, "0 <= max_map_drop <= 1, got 2.0"),
        ({"min_map": 0.1, "max_class_drop": -1.0}, "0 <= max_class_drop <= 1"),
        ({"min_map": 0.1, "worse_probability": 0.5}, ".5 < worse_probability <= 1"),
        ({"min_map": 0.1, "resamples": 999}, "resamples >= 1000, got 999"),
    ],
)
def test_a_gate_that_makes_no_sense_cannot_be_made(fields, message):
    with pytest.raises(ValueError, match=message):
        GateConfig(**fields)


def test_the_config_survives_its_way_through_json():
    config = GateConfig(
        min_map=0.25,
        max_map_drop=0.01,
        difficult="crowd",
        allow_lost_classes=("cat", "dog"),
    )

    assert from_json(GateConfig, to_json(config)) == config
