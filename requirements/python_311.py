"""Finds a Python 3.11 that can compile an extension, or has uv fetch one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from uv_tool import InstallError

# Runs in the candidate: pyfarmhash is compiled and needs Python.h; the other modules
# are missing from a Python that was built where their libraries were.
_PROBE = """
import json, os, sys, sysconfig
missing = []
for name in ("bz2", "ctypes", "lzma", "sqlite3", "ssl", "zlib"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
print(json.dumps({
    "version": sys.version_info[:2],
    "path": getattr(sys, "_base_executable", sys.executable),
    "headers": os.path.exists(
        os.path.join(sysconfig.get_paths()["include"], "Python.h")),
    "missing": missing,
}))
"""


_COPY = (
    "`uv python install 3.11` on a machine that has it and copy the folder that `uv "
    "python dir` names to the same place here"
)


class Interpreter(NamedTuple):
    """What an interpreter says about itself; `path` is that of its own base."""

    version: tuple[int, int]
    path: str
    headers: bool
    missing: list[str]


def find_python(uv: str, venv: Path) -> str:
    """Returns the interpreter to make the environment from.

    Raises:
        InstallError: if there is none here and uv can fetch none; says why.
    """
    unfit: dict[str, str] = {}
    for path in _candidates(venv):
        told = probe(path)
        if told is None or told.version != (3, 11):
            continue
        if told.headers and not told.missing:
            return told.path
        # By its real path: /bin is often a link to /usr/bin.
        unfit[os.path.realpath(told.path)] = _complaint(told)
    return _fetch(uv, list(unfit.values()))


def probe(path: str) -> Interpreter | None:
    """Asks an interpreter about itself; None where it does not even start."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", _PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=60,
        )
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    version = (told["version"][0], told["version"][1])
    return Interpreter(version, told["path"], told["headers"], told["missing"])


def _candidates(venv: Path) -> list[str]:
    names = ("python3.11", "python3", "python")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    # The environment to be made, if it is activated, must not be its own base.
    folders = [folder for folder in folders if Path(folder) != venv / "bin"]
    found = [shutil.which(name, path=folder) for name in names for folder in folders]
    return list(dict.fromkeys(path for path in [*found, sys.executable] if path))


def _complaint(told: Interpreter) -> str:
    if not told.headers:
        return f"{told.path} has no headers (apt install python3-dev)"
    return f"{told.path} was built without {', '.join(told.missing)}"


def _fetch(uv: str, unfit: list[str]) -> str:
    sys.stderr.write("install: no fit Python 3.11 on PATH, asking uv to fetch one\n")
    find = [uv, "python", "find", "--python-preference", "only-managed", "3.11"]
    # Into uv's own folder only: no link in the user's ~/.local/bin.
    environment = {**os.environ, "UV_PYTHON_INSTALL_BIN": "0"}
    fetched = subprocess.run(
        [uv, "python", "install", "3.11"],
        env=environment,
        stderr=subprocess.PIPE,
        check=False,
    )
    found = subprocess.run(
        find, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    if found.returncode == 0:
        return found.stdout.decode().strip()
    here = "; ".join(unfit) or "none on PATH"
    said = fetched.stderr.decode(errors="replace")
    raise InstallError(
        f"no Python 3.11 to be had: {here}; uv could not fetch one from "
        f"{_host(said)} ({_last_line(said)}). {_advice(_os_release())}; or name a "
        "mirror of uv's Pythons in UV_PYTHON_INSTALL_MIRROR"
    )


def _host(said: str) -> str:
    """The host that uv did not reach: the one it names, else the one configured."""
    for text in (said, os.environ.get("UV_PYTHON_INSTALL_MIRROR", "")):
        found = re.search(r"https?://(?:[^/@\s]*@)?([^/\s)\"'`]+)", text)
        if found:
            return found[1]
    return "its usual place"


def _os_release() -> dict[str, str]:
    """What this Linux says it is; Python 3.8 cannot read it by itself."""
    try:
        text = Path("/etc/os-release").read_text("utf-8")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value.strip("\"'") for name, _, value in pairs}


def _advice(release: dict[str, str]) -> str:
    """Where this distribution gets a Python 3.11 from."""
    system, version = release.get("ID", ""), release.get("VERSION_ID", "")
    if (system, version) == ("debian", "12"):
        return "On Debian 12: apt install python3-dev"
    if (system, version) == ("ubuntu", "24.04"):
        return (
            "On Ubuntu 24.04: add-apt-repository ppa:deadsnakes/ppa, then apt install "
            f"python3.11-dev; without network, {_COPY}"
        )
    if (system, version) == ("debian", "13"):
        return f"Debian 13 has no package of it: {_COPY}"
    return f"Put a python3.11 with its headers on PATH, or {_COPY}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "it did not say why"
    return re.sub(r"^(error|caused by|cause): ", "", lines[-1], flags=re.IGNORECASE)
