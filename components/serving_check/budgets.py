"""What an export may take: absolutely, and beside the model that serves."""

from collections.abc import Mapping
from typing import Any

from components.serving_check.config import ServingCheckConfig

# Name in the findings, and in the config behind `max_` -> the rule, and the unit.
_BUDGETS = {
    "ms_per_image": ("time per image", "ms per image"),
    "memory_mib": ("memory", "MiB of memory"),
    "size_mib": ("size of the export", "MiB of files"),
    "ms_ratio": ("time against the served model", "times its time per image"),
    "size_ratio": ("size against the served model", "times its size"),
}


def budget_outcomes(
    findings: Mapping[str, Any], config: ServingCheckConfig
) -> list[dict[str, Any]]:
    """Of each budget that is set: `rule`, `value`, `bound`, `passed` and `reason`.

    One of which the findings hold no number is not held: nothing serves, or the model
    did not get so far, which is a problem of its own.
    """
    outcomes = []
    for name, (rule, unit) in _BUDGETS.items():
        bound, value = getattr(config, f"max_{name}"), findings.get(name)
        if bound is None or value is None:
            continue
        passed = value <= bound
        relation = "within" if passed else "over"
        outcomes.append(
            {
                "rule": rule,
                "value": f"{value:g} {unit}",
                "bound": f"{bound:g}",
                "passed": passed,
                "reason": f"{value:g} {unit} are {relation} the budget of {bound:g} "
                f"(serving_check.max_{name})",
            }
        )
    return outcomes
