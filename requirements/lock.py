"""Regenerates both lock files from pyproject.toml, with the uv that `uv.txt` pins.

Versions that are locked stay where they still fit; `--upgrade` takes the newest.
"""

from __future__ import annotations

import subprocess
import sys

from install import HERE, NEW_GLIBC, OLD_GLIBC, ROOT, TOOLS, VENV, prepare_environment
from python_311 import find_python
from uv_tool import InstallError, find_uv

# A lock has the development tools too: one environment demonstrates, tests and lints.
COMMON = ["pyproject.toml", "--extra", "dev", "--python-version", "3.11"]
HEADER = ["--generate-hashes", "--custom-compile-command", "make lock", "--quiet"]
OVERRIDES = ["--override", "requirements/overrides-glibc-older.txt"]
LOCKS = {
    "lock-glibc-2.39.txt": (NEW_GLIBC, []),
    "lock-glibc-older.txt": (OLD_GLIBC, OVERRIDES),
}


def main(options: list[str]) -> int:
    """Writes each lock, the headers free of paths and of the index's address."""
    prepare_environment()
    try:
        uv = find_uv(TOOLS, exact=True)
        python = find_python(uv, VENV)
    except InstallError as error:
        sys.stderr.write(f"lock: {error}\n")
        return 1
    for name, (libc, overrides) in LOCKS.items():
        platform = f"x86_64-manylinux_{libc[0]}_{libc[1]}"
        where = ["--python-platform", platform, "--python", python]
        # Relative paths: they are written into the lock.
        target = ["--output-file", (HERE / name).relative_to(ROOT).as_posix()]
        command = [*COMMON, *where, *overrides, *HEADER, *target, *options]
        done = subprocess.run([uv, "pip", "compile", *command], cwd=ROOT, check=False)
        if done.returncode != 0:
            return done.returncode
        sys.stderr.write(f"lock: wrote requirements/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
