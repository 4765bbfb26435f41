"""Paths that TensorFlow would take for a pattern, given to it as plain ones."""

import contextlib
import os
import tempfile
from collections.abc import Iterator

PATTERN_CHARACTERS = set("*?[]\\")


@contextlib.contextmanager
def plain_path(folder: str) -> Iterator[str]:
    """A path to the same folder that has no `[`, `*`, `?` or backslash in it.

    TensorFlow looks for a checkpoint's files by a pattern, so that it finds none in a
    folder whose own name reads like one. The path is good while the context lasts: a
    link in a temporary folder. A folder behind a file system stays as it is.
    """
    if "://" in folder:
        yield folder
        return
    with tempfile.TemporaryDirectory() as place:
        link = os.path.join(place, "model")
        os.symlink(os.path.abspath(folder), link)
        yield link
