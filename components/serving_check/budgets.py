"""What an export may take: absolutely, and beside the model that serves."""

from collections.abc import Mapping
from typing import Any

from components.serving_check.config import ServingCheckConfig
from schemas.counted import counted

# Name in the findings, and in the config behind `max_` -> the rule, and the unit.
_BUDGETS = {
    "ms_per_image": ("time per image", "ms per image"),
    "memory_mib": ("memory", "MiB of memory"),
    "size_mib": ("size of the export", "MiB of files"),
    "ms_ratio": ("time against the served model", "times its time per image"),
    "size_ratio": ("size against the served model", "times its size"),
}
_AGAINST_SERVED = ("ms_ratio", "size_ratio")


def budget_outcomes(
    findings: Mapping[str, Any], config: ServingCheckConfig, *, serves: bool
) -> list[dict[str, Any]]:
    """Of each budget that is set: `rule`, `value`, `bound`, `passed` and `reason`.

    One against a served model holds where none `serves`, and says so. Another of which
    the findings hold no number has no row: the model did not get so far, which is a
    problem of its own.
    """
    outcomes = []
    for name, (rule, unit) in _BUDGETS.items():
        bound, value = getattr(config, f"max_{name}"), findings.get(name)
        if bound is not None and name in _AGAINST_SERVED and not serves:
            outcomes.append(_nothing_serves(name, rule, bound))
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


def unmeasured(
    findings: Mapping[str, Any], config: ServingCheckConfig, *, serves: bool
) -> list[str]:
    """The budgets that are set and of which the findings hold no number."""
    return [
        f"serving_check.max_{name}"
        for name in _BUDGETS
        if getattr(config, f"max_{name}") is not None
        and findings.get(name) is None
        and (serves or name not in _AGAINST_SERVED)
    ]


def _nothing_serves(name: str, rule: str, bound: float) -> dict[str, Any]:
    text = f"no model serves yet, so that serving_check.max_{name} holds"
    told = {"rule": rule, "value": "no model serves yet", "bound": f"{bound:g}"}
    return told | {"passed": True, "reason": text}


def line_of(findings: Mapping[str, Any]) -> str:
    """What a serving check came to, in a line for people."""
    problems, images = findings["problems"], findings["images"]
    if problems:
        return f"{counted(len(problems), 'problem')}: {'; '.join(problems)}"
    units = (("ms_per_image", "ms per image"), ("memory_mib", "MiB of memory"))
    numbers = [
        f"{findings[name]:g} {unit}"
        for name, unit in (*units, ("size_mib", "MiB of files"))
        if findings.get(name) is not None
    ]
    asked = counted(images, "image")
    return f"every signature answers on {asked}; {', '.join(numbers)}"
