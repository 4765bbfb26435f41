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
