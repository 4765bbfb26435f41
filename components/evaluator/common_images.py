"""The images that two versions were both judged on, whatever each called them."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

from components.evaluator.image_columns import ImageColumns
from components.evaluator.judged_images import JudgedImages
from schemas.user_error import UserError

# In a window of spans a name begins with its span (components/span_window/merge.py).
_SPAN = re.compile(r"^\d+/")


@dataclasses.dataclass(frozen=True)
class CommonImages:
    """Two judged models on the same images, under the later's names.

    Attributes:
      earlier, later: with the same images, annotated alike, and classes numbered alike.
      left_out: images that only one was asked about, or that were annotated anew.
    """

    earlier: JudgedImages
    later: JudgedImages
    left_out: int


def common_images(earlier: JudgedImages, later: JudgedImages) -> CommonImages:
    """The part of both that they share; UserError where no image is common to both."""
    same = list(_same_pictures(earlier.columns, later.columns))
    alike = [
        (one, other)
        for one, other in same
        if earlier.objects_of(one) == later.objects_of(other)
    ]
    if not alike:
        raise UserError(
            "no image that both versions were judged on has the same content, or the "
            "same name, and the same objects (names such as "
            f"{_some_id(earlier)} and {_some_id(later)}): `voc-pipeline evaluate` asks "
            "both about the same images"
        )
    names = tuple(dict.fromkeys((*later.class_names, *earlier.class_names)))
    seen = len(earlier.columns.image_ids) + len(later.columns.image_ids)
    return CommonImages(
        earlier.only([one for one, _ in alike]).renamed(dict(alike)).numbered_as(names),
        later.only([other for _, other in alike]).numbered_as(names),
        seen - len(same) - len(alike),
    )


def _same_pictures(
    earlier: ImageColumns, later: ImageColumns
) -> Iterator[tuple[str, str]]:
    """Pairs of ids of one picture: of the same file, else of the same name.

    Files that are known to differ, by digest or size, are two pictures, whatever they
    are called. One that is there twice is told apart by its name.
    """
    facts = [_facts(columns) for columns in (earlier, later)]
    paired: tuple[set[str], set[str]] = (set(), set())
    for key in (_by_content_and_name, _by_content, _by_name):
        ours, theirs = (
            _unique(known, key, done) for known, done in zip(facts, paired, strict=True)
        )
        for shared in ours.keys() & theirs.keys():
            one, other = ours[shared], theirs[shared]
            if not _differ(one, other):
                paired[0].add(one.image_id)
                paired[1].add(other.image_id)
                yield one.image_id, other.image_id


@dataclasses.dataclass(frozen=True)
class _Facts:
    """What is known of an image; sha256 "" and size (0, 0) where they are not."""

    image_id: str
    sha256: str
    size: tuple[int, int]


def _facts(columns: ImageColumns) -> list[_Facts]:
    sizes = zip(columns.width.tolist(), columns.height.tolist(), strict=True)
    rows = zip(columns.image_ids.tolist(), columns.sha256.tolist(), sizes, strict=True)
    return [_Facts(*row) for row in rows]


def _by_content_and_name(known: _Facts) -> str:
    return f"{known.sha256} {_by_name(known)}" if known.sha256 else ""


def _by_content(known: _Facts) -> str:
    return known.sha256


def _by_name(known: _Facts) -> str:
    return _SPAN.sub("", known.image_id)


def _unique(
    images: Sequence[_Facts], key: Callable[[_Facts], str], done: set[str]
) -> dict[str, _Facts]:
    """Key -> the one image that has it; "" is no key."""
    found: dict[str, list[_Facts]] = {}
    for image in images:
        if image.image_id not in done and key(image):
            found.setdefault(key(image), []).append(image)
    return {name: many[0] for name, many in found.items() if len(many) == 1}


def _differ(one: _Facts, other: _Facts) -> bool:
    if one.sha256 and other.sha256:
        return one.sha256 != other.sha256
    return any(one.size) and any(other.size) and one.size != other.size


def _some_id(judged: JudgedImages) -> str:
    return min(map(str, judged.columns.image_ids), default="none")
