"""Numbers and columns as the commands print them."""

import unicodedata
from collections.abc import Iterable, Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lines of left-aligned columns, each as wide as its widest cell."""
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return "".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Iterable[int]) -> str:
    cells = (padded(cell, width) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip() + "\n"


def columns_of(text: str) -> int:
    """How wide a terminal shows a text: ideographs take two columns, accents none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def padded(text: str, width: int) -> str:
    """A text with blanks after it, that wide on a terminal."""
    return text + " " * (width - columns_of(text))


def of_spans(data: str, spans: Sequence[str]) -> str:
    """A data set, and which spans of it."""
    named = [span for span in spans if span]
    if not named:
        return data
    return f"{data}, span{'' if len(named) == 1 else 's'} {' '.join(named)}"


def number(value: float | None) -> str:
    """Four decimals; "-" where nothing was measured."""
    return "-" if value is None else f"{value:.4f}"
