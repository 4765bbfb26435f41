"""A folder that gets all of its files, or none."""

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def whole_folder(folder: str) -> Iterator[str]:
    """A place to write to, whose content becomes that of `folder` at the end.

    Where writing fails, `folder` is left without files, for another try.
    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as work:
        yield work
        for name in os.listdir(work):
            os.rename(os.path.join(work, name), os.path.join(folder, name))
