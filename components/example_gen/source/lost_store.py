"""A store that answered before and now answers no more, or says no.

Runners hand on what a worker raised as text only, so it is known by its text.
"""

import re

from schemas.user_error import UnavailableError, UserError

_LOST = "the store is lost: {}; start it again and repeat the command"
_REFUSED = "the store says no: {}; give the keys that right and repeat the command"


def text_of(cause: str) -> str:
    """The line that a user gets where nobody answers."""
    return _LOST.format(cause)


def refusal_of(cause: str) -> str:
    """The line where the keys may list files, and not do what was asked for."""
    return _REFUSED.format(cause)


def found_in(text: str) -> UserError | None:
    """What an error's text says of a store."""
    for line, kind in ((_LOST, UnavailableError), (_REFUSED, UserError)):
        found = re.search(line.format(".+?"), text)
        if found:
            return kind(found.group())
    return None
