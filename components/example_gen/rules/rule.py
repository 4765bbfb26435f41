"""What a rule is."""

import dataclasses
from collections.abc import Callable
from typing import Any

KEEP, REPAIR, DROP_OBJECT, REJECT_IMAGE = (
    "keep",
    "repair",
    "drop_object",
    "reject_image",
)
ACTIONS = (KEEP, REPAIR, DROP_OBJECT, REJECT_IMAGE)
INFO, WARNING, ERROR = "info", "warning", "error"
SEVERITIES = (INFO, WARNING, ERROR)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A pure function with what follows where it fires.

    `check` returns None, or the detail for the report; rules on objects may return a
    `Repaired` instead. Its name is the reason code, its docstring the documentation.
    """

    check: Callable[..., Any]
    severity: str
    action: str

    @property
    def code(self) -> str:
        """Reason code in rejects and report, and of one image's rules on counters."""
        return self.check.__name__

    @property
    def summary(self) -> str:
        """First line of the check's docstring, without the full stop."""
        return (self.check.__doc__ or "").strip().splitlines()[0].rstrip(".")
