import pytest

from components.data_gate.config import DriftConfig
from schemas.config_json import from_json, to_json
from schemas.user_error import UserError


def test_json_and_back():
    config = DriftConfig(max_class_mix=0.3, on_drift="go_on", split="eval")
    assert from_json(DriftConfig, to_json(config)) == config
    assert from_json(DriftConfig, "") == DriftConfig()


@pytest.mark.parametrize("value", [0, -0.1, 1.1, float("nan")])
def test_a_limit_that_means_nothing_is_refused(value):
    with pytest.raises(ValueError, match="need 0 < max_box_size <= 1"):
        DriftConfig(max_box_size=value)


def test_what_follows_drift_is_stop_or_go_on():
    with pytest.raises(UserError, match="on_drift takes one of 'stop', 'go_on', got"):
        from_json(DriftConfig, '{"on_drift": "shrug"}')


@pytest.mark.parametrize("value", [0, 0.6, float("nan")])
def test_a_rate_of_false_alarms_that_means_nothing_is_refused(value):
    with pytest.raises(ValueError, match="<= false_alarm_rate <="):
        DriftConfig(false_alarm_rate=value)
