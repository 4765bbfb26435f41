import json
import os
import re
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


COMPLAINT = (
    "error: Failed to download https://me:secret@mirror.example:8443/cpython-3.11.tar.gz"
    "\\n  Caused by: dns error"
)


def put_uv(folder, *, finds="", complaint=COMPLAINT):
    """A uv that finds a managed Python, or complains that it cannot fetch one."""
    path = folder / "uv"
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
    assert "uv could not fetch one from mirror.example:8443 (dns error)" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "On Debian 12: apt install python3-dev"),
        ('ID=debian\nVERSION_ID="13"\n', "Debian 13 has no package of it: `uv python"),
        (
            "ID=ubuntu\nVERSION_ID='24.04'\n",
            "ppa:deadsnakes/ppa, then apt install pyth",
        ),
        (
            "ID=arch\n",
            "Put a python3.11 with its headers on PATH, or `uv python install",
        ),
    ],
)
def test_the_message_says_what_to_do_on_this_distribution(
    tmp_path, monkeypatch, text, expected
):
    release = tmp_path / "os-release"
    release.write_text(text)
    as_usual = Path

    def elsewhere(path):
        return release if path == "/etc/os-release" else as_usual(path)

    monkeypatch.setattr("python_311.Path", elsewhere)
    with pytest.raises(InstallError, match=re.escape(expected)):
        find_python(put_uv(tmp_path), tmp_path / ".venv")


def test_the_mirror_that_is_configured_is_named_where_uv_names_none(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "https://me:pw@pythons.example/x")
    uv = put_uv(tmp_path, complaint="error: Failed to download")
    with pytest.raises(InstallError, match=r"fetch one from pythons\.example \("):
        find_python(uv, tmp_path / ".venv")
