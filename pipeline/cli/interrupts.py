"""SIGINT and SIGTERM end a command in order: what is half done is cleared away."""

import contextlib
import signal
import sys
import types
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ASK_AGAIN_S = 1.0


@contextlib.contextmanager
def orderly_interrupts() -> Iterator[None]:
    """Both signals raise KeyboardInterrupt in the main thread until the block ends.

    Whatever the block then ends with is KeyboardInterrupt: one that is raised in a
    callback comes out of TensorFlow as an error of its own.

    Once is not always enough: an import that takes any exception for a missing module
    swallows it. So it is raised again each second, except while it is being handled:
    what clears away is not disturbed, nor by the second signal that `timeout` and
    terminals send, one to the process and one to its group.

    A signal that is ignored, as a shell has it for SIGINT in the background, stays so.
    """
    wished = False

    def interrupt(number: int, frame: types.FrameType | None) -> None:
        nonlocal wished
        del number, frame
        wished = True
        signal.setitimer(signal.ITIMER_REAL, _ASK_AGAIN_S)
        if not _being_handled():
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, interrupt)
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    except Exception as error:
        if wished:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _being_handled() -> bool:
    """Whether what runs now is an `except` or a `finally` of a KeyboardInterrupt."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
