"""Numbers and lists as people write them."""

from collections.abc import Sequence

_NAMES_TOLD = 20


def counted(count: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def listed(names: Sequence[str]) -> str:
    """The first twenty names in quotes, and how many more there are; or `none`."""
    more = len(names) - _NAMES_TOLD
    told = ", ".join(map(repr, names[:_NAMES_TOLD]))
    return f"{told} and {more} more" if more > 0 else told or "none"
