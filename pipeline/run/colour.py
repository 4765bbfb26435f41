"""Colour for people: on a terminal, and unless NO_COLOR asks for none."""

import os
from typing import TextIO

_CODES = {"red": 31, "green": 32, "yellow": 33, "dim": 2}


def painted(text: str, colour: str, stream: TextIO) -> str:
    """The text in a colour where the stream shows colours (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain or not stream.isatty():
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
