"""A server that has just been started, and does not answer yet."""

import pathlib
import subprocess
import time
from collections.abc import Callable


def until_up(
    ask: Callable[[], object],
    server: subprocess.Popen,
    log: pathlib.Path,
    within_s: float,
) -> None:
    """Asks until no OSError comes; RuntimeError with the log's end where one stays."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            ask()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.2)
        else:
            return
