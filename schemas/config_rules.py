"""The check that configs make of their own values."""


def refuse_unless(holds: bool, rule: str, value: object) -> None:
    """Raise ValueError naming the rule and the value that breaks it."""
    if not holds:
        raise ValueError(f"need {rule}, got {value}")
