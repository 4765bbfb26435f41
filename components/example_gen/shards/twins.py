"""Images of equal content."""

from collections.abc import Iterable

from components.example_gen.rules import CONTENT_TWIN_RULES
from components.example_gen.source.finding import Finding


def judge_twins(owners: Iterable[tuple[str, str]]) -> list[Finding]:
    """(split, image id) of equal contents -> the finding about them, if any."""
    ordered = sorted(owners)
    if len(ordered) < 2:
        return []
    return [
        Finding(
            ordered[0][1],
            ordered[0][0],
            -1,
            rule.code,
            rule.severity,
            rule.action,
            detail,
        )
        for rule in CONTENT_TWIN_RULES
        if (detail := rule.check(ordered)) is not None
    ]
