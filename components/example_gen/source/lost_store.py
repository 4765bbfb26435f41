"""A store that answered before and answers no more, as it is told from a worker up."""

import re

from schemas.user_error import UnavailableError

_TEXT = "the store is lost: {}; start it again and repeat the command"
_PATTERN = re.compile(_TEXT.format(".+?"))


def text_of(cause: str) -> str:
    """The line that a user gets."""
    return _TEXT.format(cause)


def found_in(text: str) -> UnavailableError | None:
    """What an error's text says of it; runners hand on text only."""
    found = _PATTERN.search(text)
    return UnavailableError(found.group()) if found else None
