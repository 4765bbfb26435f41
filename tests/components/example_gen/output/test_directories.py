import contextlib
import errno
import fcntl
import os

import pytest

from components.example_gen.output import directories
from components.example_gen.output.directories import locked, whole_output
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


@pytest.mark.parametrize("killed", ["between the renames", "while the old one went"])
def test_a_run_killed_while_it_replaced_an_output_leaves_a_whole_one(tmp_path, killed):
    target, aside, old = (
        tmp_path / name for name in ("out", ".out.partial", ".out.partial.old")
    )
    new = aside if killed == "between the renames" else target
    for folder, content in ((old, "old"), (new, "new")):
        folder.mkdir()
        (folder / "report.json").write_text(content)

    with pytest.raises(ZeroDivisionError), whole_output(str(target)):
        raise ZeroDivisionError  # the next run comes to nothing

    assert (target / "report.json").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("reached_by", [".staging", ".staging.gone"])
def test_a_worker_that_still_writes_is_not_in_the_way_of_clearing(
    tmp_path, monkeypatch, reached_by
):
    """Its file comes into the folder of shards just before that is deleted.

    By the folder's new name where a network's file system has not forgotten the old.
    """
    left = tmp_path / ".staging.gone"  # by a run that was killed while it cleared
    for folder in (tmp_path / ".staging/run/shards", left):
        folder.mkdir(parents=True)
        (folder / "0.examples").write_bytes(b"x")
    late, real = [tmp_path / reached_by / "run/shards/1.examples"], os.rmdir

    def write_and_delete(path, **options):
        if path == "shards" and late:
            with contextlib.suppress(FileNotFoundError):
                late.pop().write_bytes(b"y")
        real(path, **options)

    monkeypatch.setattr(os, "rmdir", write_and_delete)
    directories.delete_tree(str(tmp_path / ".staging"))
    assert not late
    assert list(tmp_path.iterdir()) == []


def test_what_appeared_in_its_place_meanwhile_is_kept(tmp_path):
    out = tmp_path / "out"
    block = whole_output(str(out))
    dirs = block.__enter__()
    with open(f"{dirs.report}/report.json", "w") as report:
        report.write("{}")
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else than an ingest output"):
        block.__exit__(None, None, None)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert list(tmp_path.iterdir()) == [out]
