"""Makes `.venv/` at the root, complete, or says in one line what is in the way.

Run by `make install` with whatever Python 3.8 or newer there is: standard library
only. Does nothing where the environment is up to date; never asks anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pip_settings
from python_311 import find_python, probe
from uv_tool import InstallError, fetch, find_uv, index_url, unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-from"
TOOLS = ROOT / "build"
# Of the platform tags that the locks were made for.
NEW_GLIBC = (2, 39)
OLD_GLIBC = (2, 31)
NEW_LOCK = "lock-glibc-2.39.txt"
OLD_LOCK = "lock-glibc-older.txt"


def main(arguments: Sequence[str] = ()) -> int:
    """Installs, and turns whatever is in the way into one line."""
    try:
        # Two at once would take each other's environment apart.
        wanted = accelerator(arguments)
        with open(__file__, encoding="utf-8") as script:
            fcntl.flock(script, fcntl.LOCK_EX)
            install()
            if wanted == "cuda":
                add_cuda()
    except InstallError as error:
        sys.stderr.write(f"install: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"install: {error}; {VENV} must be writable, with 5 GB free\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def accelerator(arguments: Sequence[str]) -> str:
    """What the command line asks for beside the lock: nothing or `cuda`."""
    wanted = " ".join(arguments)
    if wanted not in ("", "cuda"):
        raise InstallError(f"{wanted!r} is not known: nothing, or cuda for GPUs")
    return wanted


def install() -> None:
    """Brings `.venv/` up to date with the lock for this machine."""
    lock = choose_lock(sys.platform, platform.machine(), glibc())
    stamp = fingerprint(lock)
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text("utf-8") == stamp:
        return
    if shutil.which("g++") is None:
        raise InstallError("no g++ on PATH, pyfarmhash needs it: apt install g++")
    prepare_environment()
    uv = find_uv(TOOLS)
    make_venv(uv)
    _say(f"installing {lock.name} into {VENV}: 1.5 GB to fetch the first time")
    STAMP.unlink(missing_ok=True)
    sync = ["sync", "--require-hashes", "--compile-bytecode", str(lock)]
    run_uv([uv, "pip", *sync, "--python", str(PYTHON)], needs_index=True)
    # The lock brought setuptools: the project itself needs no index.
    project = ["install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run_uv([uv, "pip", *project, "--python", str(PYTHON)], needs_index=False)
    if lock.name == OLD_LOCK:
        install_shim()
    STAMP.write_text(stamp, "utf-8")
    _say(f"done: {VENV}/bin/voc-pipeline")


def add_cuda() -> None:
    """Installs NVIDIA's libraries, which are in no lock; drivers are the machine's."""
    prepare_environment()
    lock = choose_lock(sys.platform, platform.machine(), glibc())
    command = ["install", "--compile-bytecode", "--constraint", str(lock)]
    wanted = ["tensorflow[and-cuda]", "jax[cuda12]", "--python", str(PYTHON)]
    run_uv([find_uv(TOOLS), "pip", *command, *wanted], needs_index=True)
    _say(f"added CUDA 12 to {VENV}")


def choose_lock(system: str, machine: str, libc: tuple[int, int] | None) -> Path:
    """Returns the lock for a platform; `libc` is None where it is not glibc."""
    if system != "linux" or machine not in ("x86_64", "amd64") or libc is None:
        here = f"{system} on {machine}" + ("" if libc else " without glibc")
        raise InstallError(
            f"{here} is not supported: the locks are for Linux on x86_64 with glibc; "
            "use a linux/amd64 container, such as kubeflow/Dockerfile makes"
        )
    if libc < OLD_GLIBC:
        raise InstallError(
            f"glibc {libc[0]}.{libc[1]} is too old, TensorFlow's wheels need "
            f"{OLD_GLIBC[0]}.{OLD_GLIBC[1]}: use a newer Linux, such as Debian 12"
        )
    return HERE / (NEW_LOCK if libc >= NEW_GLIBC else OLD_LOCK)


def glibc() -> tuple[int, int] | None:
    """The version of this machine's glibc; None where it has another libc."""
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION") or ""  # such as "glibc 2.36"
    except (AttributeError, OSError, ValueError):
        return None
    name, _, version = told.partition(" ")
    if name != "glibc":
        return None
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def fingerprint(lock: Path) -> str:
    """Digests all that determines the environment, its place included."""
    digest = hashlib.sha256(str(ROOT).encode())
    metadata = [ROOT / "pyproject.toml", ROOT / "setup.py"]
    for source in [lock, *metadata, *sorted(HERE.glob("*.py"))]:
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest() + "\n"


def prepare_environment() -> None:
    """Tells uv what pip was told, and removes what would lead it elsewhere."""
    os.environ.update(pip_settings.for_uv(os.environ))
    # Bytecode is compiled on purpose: without it imports take 2.5 times as long.
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"):
        os.environ.pop(name, None)
    for name in ("UV_SYSTEM_PYTHON", "UV_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX"):
        os.environ.pop(name, None)


def make_venv(uv: str) -> None:
    """Makes `.venv/` unless a Python 3.11 with headers lives there already."""
    told = probe(str(PYTHON))
    if told and told.version == (3, 11) and told.headers:
        return
    base = find_python(uv, VENV)
    if VENV.is_symlink() or (VENV.exists() and not (VENV / "pyvenv.cfg").exists()):
        raise InstallError(f"{VENV} is there and no virtual environment: move it away")
    shutil.rmtree(VENV, ignore_errors=True)
    run_uv([uv, "venv", "--quiet", "--python", base, str(VENV)], needs_index=False)


def run_uv(command: list[str], *, needs_index: bool) -> None:
    """Runs uv, whose progress and complaints go to the terminal."""
    if subprocess.run(command, check=False).returncode == 0:
        return
    if needs_index:
        try:
            fetch(index_url().rstrip("/") + "/pip/")
        except OSError as error:
            raise unreachable(getattr(error, "reason", error)) from error
    raise InstallError(f"`uv {' '.join(command[1:3])}` failed, see above")


def install_shim() -> None:
    """Puts the stand-in module where worker processes find it too."""
    package = next(VENV.glob("lib/python3.11/site-packages/tfx_bsl/arrow"))
    shutil.copyfile(HERE / "tfx_bsl_sql_util.py", package / "sql_util.py")


def _say(text: str) -> None:
    sys.stderr.write(f"install: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
