import pytest

from components.data_gate.config import DriftConfig


def test_json_and_back():
    config = DriftConfig(max_class_mix=0.3, on_drift="go_on", split="eval")
    assert DriftConfig.from_json(config.to_json()) == config
    assert DriftConfig.from_json("") == DriftConfig()


def test_an_unknown_field_lists_the_known():
    with pytest.raises(
        ValueError, match=r"no field max_size; there are: max_class_mix"
    ):
        DriftConfig.from_json('{"max_size": 1}')


@pytest.mark.parametrize("value", [0, -0.1, 1.1, float("nan")])
def test_a_limit_that_means_nothing_is_refused(value):
    with pytest.raises(ValueError, match="need 0 < max_box_size <= 1"):
        DriftConfig(max_box_size=value)


def test_what_follows_drift_is_stop_or_go_on():
    with pytest.raises(ValueError, match="on_drift is one of"):
        DriftConfig(on_drift="shrug")
