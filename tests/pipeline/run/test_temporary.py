import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.run.temporary import own_temporary_folder


@pytest.mark.parametrize("variable", ["set", "unset"])
def test_what_this_process_and_its_children_leave_goes_with_the_block(
    tmp_path, monkeypatch, variable
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    if variable == "set":
        monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.environ.get("TMPDIR")

    def leave_something():
        with own_temporary_folder() as folder:
            assert Path(tempfile.mkdtemp()).parent == Path(folder)
            code = "import tempfile; print(tempfile.mkstemp()[1])"
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            assert Path(done.stdout.strip()).parent == Path(folder)
            assert Path(folder).parent == tmp_path
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave_something()
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == str(tmp_path)
    assert os.environ.get("TMPDIR") == before


HOLDS = """
import sys, time
from pipeline.run.temporary import own_temporary_folder
with own_temporary_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_command_left_goes_when_the_next_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    of_others = [tmp_path / "voc-pipeline-unlocked", tmp_path / "other"]
    for folder in of_others:
        folder.mkdir()
        (folder / ".lock").touch()  # as that of a --root
    command = subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        text=True,
    )
    left = Path(command.stdout.readline().strip())
    (left / "large").write_text("content")

    with own_temporary_folder():
        assert (left / "large").exists()  # its command is there
    command.kill()
    command.communicate()
    assert left.exists()
    with own_temporary_folder():
        assert not left.exists()
    assert sorted(tmp_path.iterdir()) == sorted(of_others)
