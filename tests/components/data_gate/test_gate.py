import pytest

from components.data_gate.config import DriftConfig
from components.data_gate.drift import DriftResult
from components.data_gate.gate import (
    Anomaly,
    DataRefusedError,
    decide,
    refuse_unless_passed,
)

ERROR = Anomaly("train", "image/width", "ERROR", "Unexpected zero", "int_domain >= 1")
WARNING = Anomaly("eval", "image/format", "WARNING", "New value", "jpeg or png")
OVER = DriftResult("class mix", 0.5, 0.15)
WITHIN = DriftResult("brightness", 0.1, 0.25)


def test_no_anomaly_and_no_earlier_span_passes():
    assert decide([], [], DriftConfig()).passed


def test_an_error_stops_and_names_feature_and_expectation():
    verdict = decide([WARNING, ERROR], [WITHIN], DriftConfig())
    assert not verdict.passed
    with pytest.raises(DataRefusedError) as caught:
        refuse_unless_passed(verdict)
    message = str(caught.value)
    assert "train/image/width: Unexpected zero; expected int_domain >= 1" in message
    assert "\n" not in message


def test_a_warning_is_recorded_and_goes_on():
    verdict = decide([WARNING], [], DriftConfig())
    assert verdict.passed
    assert "eval/image/format" in verdict.reasons[0]
    refuse_unless_passed(verdict)


def test_drift_stops_unless_told_to_go_on_and_is_recorded_both_ways():
    stopped = decide([], [OVER, WITHIN], DriftConfig())
    assert not stopped.passed
    assert stopped.reasons[0] == "drift of class mix: 0.500, over 0.15"
    gone_on = decide([], [OVER, WITHIN], DriftConfig(on_drift="go_on"))
    assert gone_on.passed
    assert set(gone_on.reasons) == set(stopped.reasons)


def test_drift_within_limits_is_recorded():
    verdict = decide([], [WITHIN], DriftConfig())
    assert verdict.passed
    assert verdict.reasons == ("drift of brightness: 0.100, within 0.25",)


def test_a_refusal_for_drift_alone_says_how_to_go_on():
    with pytest.raises(DataRefusedError, match=r"add --set drift\.on_drift=go_on$"):
        refuse_unless_passed(decide([], [OVER], DriftConfig()))
    with pytest.raises(DataRefusedError) as caught:  # of no use beside an error
        refuse_unless_passed(decide([ERROR], [OVER], DriftConfig()))
    assert "on_drift" not in str(caught.value)
