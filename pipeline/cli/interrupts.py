"""SIGINT and SIGTERM end a command in order: what is half done is cleared away."""

import contextlib
import signal
import time
import types
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# One wish to stop may come as several signals: `timeout` and terminals send one to the
# process and one to its group.
_ONE_WISH_S = 2.0


@contextlib.contextmanager
def orderly_interrupts() -> Iterator[None]:
    """Both signals raise KeyboardInterrupt in the main thread, once for each wish.

    A signal that is ignored, as a shell has it for SIGINT in the background, stays so.
    """
    wished_at_s = -_ONE_WISH_S

    def interrupt(number: int, frame: types.FrameType | None) -> None:
        del number, frame
        nonlocal wished_at_s
        again = time.monotonic() - wished_at_s < _ONE_WISH_S
        wished_at_s = time.monotonic()
        if not again:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
