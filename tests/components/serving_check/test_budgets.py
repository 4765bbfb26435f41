import pytest

from components.serving_check.budgets import budget_outcomes
from components.serving_check.config import ServingCheckConfig

FINDINGS = {
    "ms_per_image": 20.0,
    "memory_mib": 900,
    "size_mib": 9.5,
    "ms_ratio": 1.5,
    "size_ratio": 2.0,
}


def test_no_budget_is_held_unless_it_is_set():
    assert budget_outcomes(FINDINGS, ServingCheckConfig()) == []


@pytest.mark.parametrize("name", FINDINGS)
def test_at_its_budget_a_model_passes_and_over_it_it_does_not(name):
    value = FINDINGS[name]
    (met,) = budget_outcomes(FINDINGS, ServingCheckConfig(**{f"max_{name}": value}))
    (over,) = budget_outcomes(
        FINDINGS, ServingCheckConfig(**{f"max_{name}": value * 0.9})
    )
    assert (met["passed"], over["passed"]) == (True, False)
    assert f"serving_check.max_{name}" in over["reason"]
    assert over["value"].startswith(f"{value:g} ")
    assert over["bound"] == f"{value * 0.9:g}"


def test_where_nothing_serves_there_is_no_ratio_to_hold():
    alone = {name: FINDINGS[name] for name in ("ms_per_image", "size_mib")}
    config = ServingCheckConfig(max_ms_ratio=1.0, max_size_ratio=1.0)
    assert budget_outcomes(alone, config) == []


@pytest.mark.parametrize("name", [*FINDINGS, "ms_ratio"])
def test_a_budget_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=f"need max_{name} > 0, got 0"):
        ServingCheckConfig(**{f"max_{name}": 0})
