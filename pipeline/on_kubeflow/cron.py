"""Cron expressions: five fields as crontab has them, six as KFP takes them."""

import re

from schemas.user_error import UserError

_MONTHS = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_TERM = re.compile(r"(\*|\?|(\w+)(-(\w+))?)(/(\d+))?")


def six_fields(expression: str) -> str:
    """The expression as KFP takes it: with seconds, in upper case.

    Raises:
      UserError: another number of fields, or one that is out of its range.
    """
    fields = expression.upper().split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise UserError(
            f"--cron {expression!r} has {len(fields)} fields; give 5 (minute hour day "
            "month weekday) or 6 (second first)"
        )
    for text, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
        for term in text.split(","):
            if not _is_term(term, least, most, names):
                raise UserError(
                    f"--cron {expression!r}: {term!r} is no {name}; it goes from "
                    f"{least} to {most}"
                )
    return " ".join(fields)


def reading(fields: str) -> str:
    """How KFP reads six fields, field by field."""
    texts = zip(fields.split(), _FIELDS, strict=True)
    return ", ".join(
        f"{'any' if text in '*?' else ''} {name} {'' if text in '*?' else text}".strip()
        for text, (name, *_) in texts
    )


def _is_term(term: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    matched = _TERM.fullmatch(term)
    if matched is None or matched.group(6) == "0":
        return False
    ends = [end for end in (matched.group(2), matched.group(4)) if end is not None]
    numbers = []
    for end in ends:
        if end in names:
            numbers.append(names.index(end) + least)
        elif end.isdigit():
            numbers.append(int(end))
        else:
            return False
    return numbers == sorted(numbers) and all(least <= n <= most for n in numbers)
