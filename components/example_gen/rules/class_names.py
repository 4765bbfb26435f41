"""Rules on the names of classes, over a whole data set."""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from components.example_gen.source.names import fold
from schemas.counted import counted

# So much rarer than one of nearly its name, it is a slip rather than a class. One slip
# names all objects of a file, so that images tell more; but of short names many differ
# by a letter (cat, car), and these have to be rarer.
_RARER_OBJECTS = 100
_RARER_IMAGES = 10
_SHORT = 3


@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """How many objects each class has, and in how many images there is one."""

    objects: Mapping[str, int]
    images: Mapping[str, int]


def class_spelling(classes: ClassCounts) -> Iterator[tuple[str, str]]:
    """Class names that are equal but for case, blanks, dashes and underscores."""
    counts = classes.objects
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        alike[_bare(name)].append(name)
    for first, *rest in alike.values():
        for name in rest:
            yield name, f"{counts[name]} objects, beside {first!r} with {counts[first]}"


def class_misspelt(classes: ClassCounts) -> Iterator[tuple[str, str]]:
    """A class name one letter off another of 100 times its objects or 10 its images.

    Of names of up to three letters the images alone say nothing.
    """
    names = sorted(classes.objects)
    for name in names:
        for other in (one for one in names if -1 <= len(one) - len(name) <= 1):
            # This order: of 1,000 classes there are a million pairs.
            if not _one_letter_apart(name, other) or _bare(name) == _bare(other):
                continue
            if _is_rare(name, beside=other, classes=classes):
                yield (
                    name,
                    f"{_counted(name, classes)}, beside {other!r} with "
                    f"{_counted(other, classes)}",
                )


def _is_rare(name: str, *, beside: str, classes: ClassCounts) -> bool:
    objects, images = classes.objects, classes.images
    in_few = images[beside] >= _RARER_IMAGES * images[name]
    return objects[beside] >= _RARER_OBJECTS * objects[name] or (
        in_few and min(len(name), len(beside)) > _SHORT
    )


def _counted(name: str, classes: ClassCounts) -> str:
    objects = counted(classes.objects[name], "object")
    return f"{objects} in {counted(classes.images[name], 'image')}"


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
