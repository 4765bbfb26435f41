import json
import os
import sys
from pathlib import Path

import pytest
from python_311 import find_python, probe
from uv_tool import InstallError


def put_python(folder, *, version=(3, 11), headers=True, missing=()):
    """A program that answers the probe as such a Python would."""
    folder.mkdir(parents=True)
    path = folder / "python3.11"
    answer = {
        "version": version,
        "path": str(path),
        "headers": headers,
        "missing": missing,
    }
    path.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    path.chmod(0o755)
    return str(path)


def put_uv(folder, *, finds=""):
    """A uv that finds a managed Python, or complains that it cannot fetch one."""
    path = folder / "uv"
    complaint = "error: Failed to download\\n  Caused by: dns error"
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$2" = install ]; then printf "{complaint}\\n" >&2; exit 2; fi\n'
        + (f"echo {finds}\n" if finds else "exit 2\n")
    )
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def only_what_the_test_puts_on_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    monkeypatch.setattr(sys, "executable", "")


def test_the_probe_of_this_interpreter_knows_its_version_and_base():
    executable = Path(os.readlink(f"/proc/{os.getpid()}/exe"))
    told = probe(str(executable))
    assert told.version == sys.version_info[:2]
    assert Path(told.path).exists()


def test_what_is_no_python_is_passed_over(tmp_path):
    assert probe(str(tmp_path / "nowhere")) is None
    (tmp_path / "text").write_text("#!/bin/sh\necho hello\n")
    (tmp_path / "text").chmod(0o755)
    assert probe(str(tmp_path / "text")) is None


def test_the_first_fit_python_on_path_is_taken(tmp_path):
    put_python(tmp_path / "a", headers=False)
    fit = put_python(tmp_path / "b")
    assert find_python("no uv", tmp_path / ".venv") == fit


def test_the_environment_to_be_made_is_not_its_own_base(tmp_path, monkeypatch):
    put_python(tmp_path / ".venv" / "bin")
    fit = put_python(tmp_path / "b")
    monkeypatch.setenv("PATH", f"{tmp_path / '.venv/bin'}:{tmp_path / 'b'}")
    assert find_python("no uv", tmp_path / ".venv") == fit


def test_uv_is_asked_where_there_is_none(tmp_path, capsys):
    put_python(tmp_path / "a", version=(3, 13))
    uv = put_uv(tmp_path, finds="/managed/python3.11")
    assert find_python(uv, tmp_path / ".venv") == "/managed/python3.11"
    assert "asking uv" in capsys.readouterr().err


def test_no_python_to_be_had_is_one_line_with_each_reason_and_mend(tmp_path):
    bare = put_python(tmp_path / "a", headers=False)
    poor = put_python(tmp_path / "b", missing=("lzma", "sqlite3"))
    with pytest.raises(InstallError) as told:
        find_python(put_uv(tmp_path), tmp_path / ".venv")
    message = str(told.value)
    assert "\n" not in message
    assert f"{bare} has no headers (apt install python3-dev)" in message
    assert f"{poor} was built without lzma, sqlite3" in message
    assert "uv could not fetch one (dns error)" in message
