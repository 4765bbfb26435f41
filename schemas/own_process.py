"""A module of ours as a process of its own, whatever lies in the current folder.

`python -m` takes modules from the current folder first: a user's own `schemas.py` or
`trainer.py` there would hide ours.
"""

import os
import re
import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[1])


def command(module: str) -> list[str]:
    """What starts a module of ours; its arguments are to follow."""
    return [sys.executable, "-P", "-m", module]


def environment(**variables: str) -> dict[str, str]:
    """This process's variables, and where the child finds what this one imports.

    Of this process's search path, the current folder is left out, unless our packages
    lie there.
    """
    here = os.path.realpath(os.curdir)
    paths = [path for path in sys.path if path and not _is_users(path, here)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}


def most_memory_mib() -> float:
    """The most memory that this process has held, MiB; on Linux.

    Not getrusage's `ru_maxrss`: a child's starts from the peak of whoever started it.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    most = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert most is not None
    return int(most[1]) / 1024


def _is_users(path: str, here: str) -> bool:
    real = os.path.realpath(path)
    return real == here and real != _ROOT
