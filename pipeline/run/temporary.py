"""A folder for temporary files that goes with the command."""

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "voc-pipeline-"
# Held as long as the command, or what it has forked, is there. Of a name that nothing
# else has: a folder where it lies is deleted, and people name a --root as they like.
_LOCK = ".temporary-of-a-command"


@contextlib.contextmanager
def own_temporary_folder() -> Iterator[str]:
    """What this process and its children call temporary, until the block ends.

    Beam leaves an empty folder for each of its pipelines, other libraries more; in a
    folder of the command's own all of it goes, however the command ends. What -9 leaves
    goes when the next command begins.
    """
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    _delete_those_of_the_dead(tempfile.gettempdir())
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    try:
        with _locked(Path(folder)):
            yield folder
    finally:
        tempfile.tempdir, variable = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which the kernel lets go of however a process ends."""
    new = folder / f"{_LOCK}.new"
    with new.open("w") as lock:
        # Of its final name it is never free. Where nothing can be locked there is none.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(folder / _LOCK)
        yield


def _delete_those_of_the_dead(place: str) -> None:
    """Deletes this user's folders whose lock nobody holds any more."""
    # Not by pathlib, which may raise for a folder of another user's.
    for path in glob.glob(f"{glob.escape(place)}/{_PREFIX}*/{_LOCK}"):
        # Gone meanwhile, another user's, or held by a command that is still there.
        with contextlib.suppress(OSError), open(path, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock.fileno()).st_uid == os.getuid():
                shutil.rmtree(os.path.dirname(path), ignore_errors=True)
