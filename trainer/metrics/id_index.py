"""Ids of results -> indices, a column at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1
_END = 1 << 63
_TABLE_FOR_EACH = (
    64  # entries of a table for each id; where ids lie farther apart: none
)


class IdIndex:
    """An id's index; a table, where ids are whole numbers that lie close together."""

    def __init__(self, index: Mapping[Any, int]) -> None:
        self._index = index
        self._first, self._table = 0, np.zeros(0, np.int64)
        # The table is for columns of int64: larger ids are not in them.
        numbers = [key for key in index if type(key) is int and -_END <= key < _END]
        if not numbers:
            return
        first, last = min(numbers), max(numbers)
        if last - first < _TABLE_FOR_EACH * len(numbers):
            self._first = first
            self._table = np.full(last - first + 1, UNKNOWN, np.int64)
            for number in numbers:
                self._table[number - first] = index[number]

    def of(self, ids: list[Any] | NDArray[np.int64]) -> NDArray[np.int64]:
        """[D] indices; UNKNOWN for those that are not there."""
        if isinstance(ids, list) or not len(self._table):
            values = ids if isinstance(ids, list) else ids.tolist()
            found = [self._index.get(value, UNKNOWN) for value in values]
            return np.array(found, np.int64)
        places = ids - self._first
        inside = (places >= 0) & (places < len(self._table))
        if inside.all():
            return self._table[places]
        return np.where(inside, self._table[np.where(inside, places, 0)], UNKNOWN)
