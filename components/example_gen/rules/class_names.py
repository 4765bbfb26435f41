"""Rules on the names of classes, over a whole data set."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from components.example_gen.source.names import fold

# So much rarer than one of nearly its name, it is a slip rather than a class.
_RARER = 100


def class_spelling(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Class names that are equal but for case, blanks, dashes and underscores."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        alike[_bare(name)].append(name)
    for first, *rest in alike.values():
        for name in rest:
            yield name, f"{counts[name]} objects, beside {first!r} with {counts[first]}"


def class_misspelt(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """A class name one letter off another that is a hundred times as frequent."""
    for name, count in sorted(counts.items()):
        for other, many in sorted(counts.items()):
            rare = many >= _RARER * count and _bare(name) != _bare(other)
            if rare and _one_letter_apart(name, other):
                yield name, f"{count} objects, beside {other!r} with {many}"


def _bare(name: str) -> str:
    return re.sub(r"[\s_-]+", "", fold(name))


def _one_letter_apart(one: str, other: str) -> bool:
    """One letter more, less, another or swapped with its neighbour; digits are none."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    first, second = one[start:], other[start:]
    end = 0
    while end < min(len(first), len(second)) and first[-1 - end] == second[-1 - end]:
        end += 1
    first, second = first[: len(first) - end], second[: len(second) - end]
    if any(letter.isdigit() for letter in first + second):
        return False
    swapped = len(first) == 2 and first == second[::-1]
    return swapped or max(len(first), len(second)) == 1
