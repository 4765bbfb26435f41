"""Numbers compared as they are written: .8 - .7 is .1, and what differs looks it."""

import math
from collections.abc import Mapping
from decimal import Decimal

_DIGITS = range(4, 18)
# A value that is its bound but for rounding has reached it: COCO's precision is
# hits / (hits + misses + 2.2e-16), so that a perfect AP is a little below 1.
ROUNDING = 1e-9


def exact(value: float) -> Decimal:
    """The decimal number that a float is written as."""
    return Decimal(repr(float(value)))


def reaches(value: float, bound: float) -> bool:
    """Whether a value is at its bound or above, but for the rounding of floats."""
    return exact(value) >= exact(bound) - exact(ROUNDING)


def told_apart(*values: float) -> list[str]:
    """The values with 4 decimals, or with as many as unequal ones differ in."""
    distinct = len(set(values))
    for digits in _DIGITS:
        texts = [f"{value:.{digits}f}" for value in values]
        if len(set(texts)) == distinct:
            return texts
    return [repr(float(value)) for value in values]


def difference_of(own: float, served: float) -> str:
    """A change with its sign and 4 decimals."""
    return f"{float(exact(own) - exact(served)):+.4f}"


def is_number(value: float | None) -> bool:
    """False for None and NaN, and for pycocotools' -1: nothing was measured."""
    return value is not None and math.isfinite(value) and value >= 0


def number_of(metrics: Mapping[str, float | None], name: str) -> float | None:
    """A metric; None where it is absent or no number."""
    value = metrics.get(name)
    return value if is_number(value) else None
