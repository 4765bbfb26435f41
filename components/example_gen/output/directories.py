"""Where a run writes: aside, under a lock, and in place only when it is whole."""

import contextlib
import dataclasses
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from typing import TextIO

from components.example_gen.shards import tfrecord
from components.example_gen.source import remote, storage
from schemas.user_error import UserError

_STRAGGLERS_S = 60  # files that appear in a folder while it is deleted end sooner
REPORT_FILES = ("report.json", "report.html", "rejects.jsonl", "recorded.jsonl")


@dataclasses.dataclass(frozen=True)
class OutputDirs:
    """Directories that a run fills: two of TFRecords, one of reports."""

    examples: str
    annotations: str
    report: str

    @property
    def staging(self) -> str:
        """Shards under way, of each run in a folder; beside the examples."""
        return f"{self.examples}/.staging"


def delete_tree(path: str) -> None:
    """Deletes a directory and what is in it, if it is there."""
    if not remote.is_remote(path):
        _clear(path)
        return
    remote.delete_below(path)


@contextlib.contextmanager
def whole_output(path: str) -> Iterator[OutputDirs]:
    """Gives directories beside `path` that become `path` when the block ends well.

    A second run with the same output is refused; what an earlier run left half-done
    is cleared away; a directory that is no ingest output is never replaced.
    """
    if remote.is_remote(path):
        yield _remote_output(path.rstrip("/"))
        return
    target = os.path.realpath(os.path.expanduser(path))
    parent, name = os.path.split(target)
    aside = os.path.join(parent, f".{name}.partial")
    with _writable(f"output {path}"):
        os.makedirs(parent, exist_ok=True)
    lock, busy = os.path.join(parent, f".{name}.lock"), f"another run is writing {path}"
    with locked(lock, f"output {path}", f"{busy}; wait until it ends"):
        with _writable(f"output {path}"):
            _end_replacement(aside, target)
        _check_replaceable(target, path)
        try:
            with _writable(f"output {path}"):
                _clear(aside)
                os.makedirs(aside)
            yield OutputDirs(aside, os.path.join(aside, "annotations"), aside)
            _check_replaceable(target, path)  # it may be another's by now
            _replace(aside, target)
        finally:
            _clear(aside)


@contextlib.contextmanager
def _writable(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{what} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def locked(lock_path: str, what: str, busy: str) -> Iterator[None]:
    """Holds a lock file, which is gone afterwards; UserError(`busy`) if another does.

    `what` is what cannot be written where the file cannot.
    """
    with _writable(what):
        lock = open(lock_path, "w")  # noqa: SIM115  (closed below, to name the cause)
    mine = False
    with lock:
        try:
            with _writable(what):
                mine = _acquired(lock)
            if not mine:
                raise UserError(busy)
            yield
        finally:
            if mine:
                os.unlink(lock_path)


def _acquired(lock: TextIO) -> bool:
    """False where another run holds it, or one that just ended has deleted it.

    OSError where the file system has no locks, as NFS without its lock daemon.
    """
    try:
        # The kernel lets go of it with the process, however that ends.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(lock.fileno()), os.stat(lock.name))
    except (BlockingIOError, FileNotFoundError):
        return False


def _remote_output(path: str) -> OutputDirs:
    remote.require_access(path, "output")
    if storage.exists(f"{path}/report.json"):
        raise UserError(f"output {path} already holds a report; name another")
    return OutputDirs(path, f"{path}/annotations", path)


def _check_replaceable(target: str, path: str) -> None:
    if not os.path.lexists(target):
        return
    if not os.path.isdir(target):
        raise UserError(f"output {path} is a file; name a directory")
    if os.listdir(target) and not os.path.exists(os.path.join(target, "report.json")):
        raise UserError(
            f"output {path} holds something else than an ingest output; "
            "name another directory or empty it"
        )


def _clear(directory: str) -> None:
    """Deletes a directory, out of reach of workers that still write into it."""
    gone = f"{directory}.gone"
    _delete(gone)  # of a run that was killed here
    if os.path.isdir(directory):
        os.rename(directory, gone)
        _delete(gone)


def _delete(directory: str) -> None:
    """A network's file system may show other machines the old name for a while."""
    end = time.monotonic() + _STRAGGLERS_S
    while os.path.isdir(directory):
        try:
            shutil.rmtree(directory)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or time.monotonic() > end:
                raise
            time.sleep(0.1)


def _replace(aside: str, target: str) -> None:
    if os.path.isdir(target):
        old = _old(aside)
        os.rename(target, old)
        os.rename(aside, target)
        shutil.rmtree(old)
    else:
        os.rename(aside, target)


def _end_replacement(aside: str, target: str) -> None:
    """Does what a run had still to do that was killed while it replaced an output."""
    old = _old(aside)
    if os.path.isdir(old) and os.path.isdir(aside) and not os.path.lexists(target):
        os.rename(aside, target)  # killed between the two renames: it is whole
    _clear(old)


def _old(aside: str) -> str:
    """Where the output that is replaced lies for a moment."""
    return f"{aside}.old"


def write_text(path: str, text: str) -> None:
    """Writes a text file aside and renames it."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: str, content: bytes) -> None:
    """Writes a file aside and renames it."""
    tfrecord.write_whole(path, content)


def keep_report(source: str, target: str) -> None:
    """Copies the report files of a refused run to a place that outlives it."""
    tfrecord.make_directory(target)
    for name in REPORT_FILES:
        with storage.open_read(f"{source}/{name}") as file:
            write_bytes(f"{target}/{name}", file.read())
