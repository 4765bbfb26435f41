import pytest

from components.serving_check.budgets import budget_outcomes, line_of
from components.serving_check.config import ServingCheckConfig

FINDINGS = {
    "ms_per_image": 20.0,
    "memory_mib": 900,
    "size_mib": 9.5,
    "ms_ratio": 1.5,
    "size_ratio": 2.0,
}


def test_no_budget_is_held_unless_it_is_set():
    assert budget_outcomes(FINDINGS, ServingCheckConfig(), serves=True) == []


@pytest.mark.parametrize("name", FINDINGS)
def test_at_its_budget_a_model_passes_and_over_it_it_does_not(name):
    value = FINDINGS[name]
    met, over = (
        budget_outcomes(
            FINDINGS, ServingCheckConfig(**{f"max_{name}": bound}), serves=True
        )[0]
        for bound in (value, value * 0.9)
    )
    assert (met["passed"], over["passed"]) == (True, False)
    assert f"serving_check.max_{name}" in over["reason"]
    assert over["value"].startswith(f"{value:g} ")
    assert over["bound"] == f"{value * 0.9:g}"


def test_where_nothing_serves_a_ratio_holds_and_says_so():
    alone = {name: FINDINGS[name] for name in ("ms_per_image", "size_mib")}
    config = ServingCheckConfig(max_ms_ratio=1.5, max_size_ratio=1.0)

    time, size = budget_outcomes(alone, config, serves=False)

    assert time == {
        "rule": "time against the served model",
        "value": "no model serves yet",
        "bound": "1.5",
        "passed": True,
        "reason": "no model serves yet, so that serving_check.max_ms_ratio holds",
    }
    assert size["passed"]
    # One that serves and could not be asked is a problem of its own.
    assert budget_outcomes(alone, config, serves=True) == []


def test_what_was_found_is_a_line_for_people():
    found = {name: FINDINGS[name] for name in ("ms_per_image", "memory_mib")}
    sound = found | {"problems": [], "images": 6, "size_mib": 9.63}
    assert line_of(sound) == (
        "every signature answers on 6 images; 20 ms per image, 900 MiB of memory, "
        "9.63 MiB of files"
    )
    broken = {"problems": ["no answer", "too slow"], "images": 0, "ms_per_image": None}
    assert line_of(broken) == "2 problems: no answer; too slow"


@pytest.mark.parametrize("name", [*FINDINGS, "ms_ratio"])
def test_a_budget_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=f"need max_{name} > 0, got 0"):
        ServingCheckConfig(**{f"max_{name}": 0})
