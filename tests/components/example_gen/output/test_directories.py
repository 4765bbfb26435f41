import errno
import fcntl
import os

import pytest

from components.example_gen.output.directories import locked
from schemas.user_error import UserError


def test_a_second_holder_is_told_that_there_is_a_first(tmp_path):
    path = str(tmp_path / ".lock")
    with (
        locked(path, "--root r", "r is busy"),
        pytest.raises(UserError, match="r is busy"),
        locked(path, "--root r", "r is busy"),
    ):
        pass
    assert not os.path.exists(path)


def test_a_file_system_without_locks_is_not_taken_for_a_second_run(
    tmp_path, monkeypatch
):
    """As NFS answers without its lock daemon."""

    def refuse(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(UserError, match="--root r cannot be written: No locks avail"),
        locked(str(tmp_path / ".lock"), "--root r", "r is busy"),
    ):
        pass
