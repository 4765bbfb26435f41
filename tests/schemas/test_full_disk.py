import errno

import pytest

from schemas.full_disk import full_disk_in
from schemas.user_error import UserError


def wrapped(cause):
    """As a library raises its own error from another."""
    error = RuntimeError("a stage failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/a"),
            "(No space left on device at /data/a)",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "(Disk quota exceeded)"),
        (
            ValueError("first line\n/data/b.tmp; No space left on device\nlast line"),
            "(/data/b.tmp; No space left on device)",
        ),
        (
            RuntimeError("Error when executing query: database or disk is full query"),
            "(Error when executing query: database or disk is full)",
        ),
    ],
)
@pytest.mark.parametrize("handed_on", [lambda error: error, wrapped])
def test_a_full_disk_is_found_under_whatever_name(error, told, handed_on):
    found = full_disk_in(handed_on(error))

    assert isinstance(found, UserError)
    assert str(found) == f"the disk is full {told}; make room and repeat the command"


def test_another_error_is_none():
    assert full_disk_in(wrapped(OSError(errno.EACCES, "Permission denied"))) is None
