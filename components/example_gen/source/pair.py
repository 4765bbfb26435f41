"""An annotation and the image that it means."""

from typing import NamedTuple

from components.example_gen.source.storage import Entry


class Pair(NamedTuple):
    """An annotation and its image; either may be missing.

    `unclear` says why it is not known which image is meant, "" where it is; `chosen`
    why this one and not `spare`, the others of its name; `differs` the name of the
    image where it is the annotation's but for case or Unicode form.
    """

    annotation: Entry | None = None
    image: Entry | None = None
    unclear: str = ""
    chosen: str = ""
    spare: tuple[Entry, ...] = ()
    differs: str = ""
