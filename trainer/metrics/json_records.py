"""Lists of JSON objects read as columns; the first bad record is named."""

import json
from collections.abc import Mapping, Set
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.user_error import UserError

_NUMBERS = {int, float}
_IDS = {int, str}


class JsonRecords:
    """The objects of one list.

    Checks run over whole columns at the speed of C; only when one fails is the culprit
    looked for.

    Args:
        rows: what the list holds.
        where: how messages name the list.
        first: the number of the first row in the list, if these are a part of it.
    """

    def __init__(self, rows: list[Any], where: str, first: int = 0) -> None:
        self._rows = rows
        self._where = where
        self._first = first
        self._require_types(rows, {dict}, "must be an object")

    def unique(self, name: str, types: Set[type] = _IDS) -> dict[Any, int]:
        """Values that differ -> their position."""
        values = self._ids(name)
        self._require_types(
            values, types, f"needs a {' or '.join(_names(types))} as {name!r}"
        )
        index: dict[Any, int] = {}
        for position, value in enumerate(values):
            if index.setdefault(value, position) != position:
                raise self._error(
                    position, f"has {_a(name)} {name!r} that came before", value
                )
        return index

    def indices(
        self, name: str, index: Mapping[Any, int], known: str
    ) -> NDArray[np.int64]:
        """Values looked up in `index`, which was read from `known`."""
        values = self._ids(name)
        self._require_types(values, _IDS, f"needs an id as {name!r}")
        try:
            return np.array([index[value] for value in values], np.int64)
        except KeyError:
            position = next(i for i, value in enumerate(values) if value not in index)
            problem = f"has {_a(name)} {name!r} that is not in {known}"
            raise self._error(position, problem, values[position]) from None

    def numbers(
        self, name: str, default: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Finite numbers; `default` [N] where a record has none."""
        if default is None:
            values = self._column(name)
        else:
            values = [
                row.get(name, other)
                for row, other in zip(self._rows, default.tolist(), strict=True)
            ]
        return self._finite(name, values)

    def flags(self, name: str) -> NDArray[np.bool_]:
        """0, 1, true or false; false where a record has none."""
        values = [row.get(name, 0) for row in self._rows]
        self._require_types(values, {int, bool}, f"needs 0 or 1 as {name!r}")
        return np.array(values, np.int64) != 0

    def boxes(self, name: str = "bbox") -> NDArray[np.float64]:
        """Left, top, width, height [N, 4]."""
        values = self._column(name)
        problem = f"needs left, top, width, height as {name!r}"
        self._require_types(values, {list}, problem)
        if not set(map(len, values)) <= {4}:
            position = next(i for i, box in enumerate(values) if len(box) != 4)
            raise self._error(position, problem, values[position])
        boxes = self._finite(name, list(chain.from_iterable(values)), per_row=4)
        boxes = boxes.reshape(-1, 4)
        negative = np.flatnonzero((boxes[:, 2:] < 0).any(axis=1))
        if len(negative):
            position = int(negative[0])
            problem = f"has a negative width or height in {name!r}"
            raise self._error(position, problem, values[position])
        return boxes

    def _ids(self, name: str) -> list[Any]:
        """A column in which 7.0 is 7: what went through a table has such numbers."""
        values = self._column(name)
        if float not in set(map(type, values)):
            return values
        is_whole = (type(one) is float and one.is_integer() for one in values)
        return [
            int(one) if whole else one
            for one, whole in zip(values, is_whole, strict=True)
        ]

    def _column(self, name: str) -> list[Any]:
        try:
            return [row[name] for row in self._rows]
        except KeyError:
            position = next(i for i, row in enumerate(self._rows) if name not in row)
            problem = f"lacks {name!r}"
            raise self._error(position, problem, self._rows[position]) from None

    def _finite(
        self, name: str, values: list[Any], per_row: int = 1
    ) -> NDArray[np.float64]:
        """Numbers as float64; `values` holds `per_row` of them for each record."""
        problem = f"needs finite numbers in {name!r}"
        self._require_types(values, _NUMBERS, problem, per_row)
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:  # a whole number beyond the largest float
            numbers = np.array([_as_float(value) for value in values])
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            position = int(wrong[0])
            raise self._error(position // per_row, problem, values[position])
        return numbers

    def _require_types(
        self, values: list[Any], types: Set[type], problem: str, per_row: int = 1
    ) -> None:
        if set(map(type, values)) <= types:
            return
        position = next(i for i, value in enumerate(values) if type(value) not in types)
        raise self._error(position // per_row, problem, values[position])

    def _error(self, position: int, problem: str, value: Any) -> UserError:
        shown = json.dumps(value)
        if len(shown) > 60:
            shown = f"{shown[:60]}..."
        return UserError(
            f"{self._where}[{self._first + position}] {problem}, got {shown}"
        )


def _names(types: Set[type]) -> list[str]:
    return sorted({int: "whole number", str: "text"}[kind] for kind in types)


def _a(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
