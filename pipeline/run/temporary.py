"""A folder for temporary files that goes with the command."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def own_temporary_folder() -> Iterator[str]:
    """What this process and its children call temporary, until the block ends.

    Beam leaves an empty folder for each of its pipelines, other libraries more; in a
    folder of the command's own all of it goes, however the command ends but by -9.
    """
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    folder = tempfile.mkdtemp(prefix="voc-pipeline-")
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    try:
        yield folder
    finally:
        tempfile.tempdir, variable = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)
