"""The name that a mistyped one was meant to be."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """For the nearest known name ` (did you mean 'seed'?)`; "" where none is near.

    The dashes before an option make no two of them alike.
    """
    import difflib

    bare = {each.lstrip("-"): each for each in known}
    near = difflib.get_close_matches(name.lstrip("-"), list(bare), n=1)
    return f" (did you mean {bare[near[0]]!r}?)" if near else ""
