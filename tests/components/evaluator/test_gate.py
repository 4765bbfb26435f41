import math

import pytest

from components.evaluator.gate import GateConfig, decide
from schemas.config_json import from_json, to_json

GOOD = {"AP": 0.5, "AP50": 0.8}


def test_a_candidate_above_every_threshold_is_blessed_with_a_reason_per_rule():
    verdict = decide(GateConfig(min_map=0.4, min_ap50=0.7), GOOD, None)

    assert verdict.blessed
    assert verdict.reasons == (
        "mAP 0.5000 reaches the threshold 0.4000",
        "AP50 0.8000 reaches the threshold 0.7000",
        "no model serves yet, so there is nothing to compare with",
    )


def test_a_candidate_exactly_at_the_threshold_is_blessed():
    assert decide(GateConfig(min_ap50=0.8), GOOD, None).blessed


@pytest.mark.parametrize("config", [{"min_map": 0.51}, {"min_ap50": 0.81}])
def test_one_threshold_missed_is_enough_to_refuse(config):
    verdict = decide(GateConfig(**{"min_map": 0.0, **config}), GOOD, None)

    assert not verdict.blessed
    assert any("is below the threshold" in reason for reason in verdict.reasons)


def test_a_candidate_worse_than_the_served_model_is_refused_and_told_so():
    verdict = decide(GateConfig(min_map=0.1), GOOD, {"AP": 0.5001, "AP50": 0.1})

    assert not verdict.blessed
    assert verdict.reasons[-1] == "mAP 0.5000 is worse than the served model's 0.5001"


def test_a_candidate_equal_to_the_served_model_is_blessed():
    assert decide(GateConfig(min_map=0.1), GOOD, GOOD).blessed


def test_an_allowed_drop_is_allowed_up_to_its_edge():
    config = GateConfig(min_map=0.1, max_map_drop=0.25)

    assert decide(config, GOOD, {"AP": 0.75, "AP50": 1.0}).blessed
    assert not decide(config, GOOD, {"AP": 0.76, "AP50": 1.0}).blessed


@pytest.mark.parametrize("metric", ["AP", "AP50"])
def test_a_metric_that_is_not_a_number_is_never_blessed(metric):
    config = GateConfig(min_map=0.0, min_ap50=0.0)

    assert not decide(config, GOOD | {metric: math.nan}, None).blessed


def test_a_not_a_number_candidate_loses_against_a_served_model():
    config = GateConfig(min_ap50=0.0)

    assert not decide(config, {"AP": math.nan, "AP50": 0.9}, GOOD).blessed


def test_a_served_model_without_a_number_refuses_nobody():
    assert decide(GateConfig(min_map=0.1), GOOD, {"AP": math.nan, "AP50": 0}).blessed


def test_minus_one_which_means_no_ground_truth_is_refused_even_by_a_zero_threshold():
    assert not decide(GateConfig(min_map=0.0), {"AP": -1.0, "AP50": -1.0}, None).blessed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "the gate needs a threshold"),
        ({"min_map": 1.2}, "0 <= min_map <= 1, got 1.2"),
        ({"min_ap50": -0.1}, "0 <= min_ap50 <= 1, got -0.1"),
        ({"min_map": 0.1, "max_map_drop": 2.0}, "0 <= max_map_drop <= 1, got 2.0"),
    ],
)
def test_a_gate_that_makes_no_sense_cannot_be_made(fields, message):
    with pytest.raises(ValueError, match=message):
        GateConfig(**fields)


def test_the_config_survives_its_way_through_json():
    config = GateConfig(min_map=0.25, max_map_drop=0.01, difficult="crowd")

    assert from_json(GateConfig, to_json(config)) == config
