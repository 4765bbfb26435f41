"""A child of `workers`: answers calls on the pipe it inherited until that closes."""

import gc
import os
import signal
import sys
import threading
import traceback
import warnings
from multiprocessing.connection import Connection
from typing import Any

# What a worker is asked for: loaded while its parent still makes the plan.
from components.example_gen.shards import plan_files  # noqa: F401
from schemas.user_error import UserError


def serve(pipe: "Connection[Any, Any]") -> None:
    """Answers (function, arguments) with (result, None) or (None, exception)."""
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((function(*arguments), None))
        except UserError as error:  # its one line is all there is to say
            pipe.send((None, error))
        except Exception as error:  # goes to the parent, which raises it
            trace = "".join(traceback.format_exception(error))
            pipe.send((None, RuntimeError(f"in an ingest worker:\n{trace}")))


# Objects between two collections: at Python's 700, 5 % of a worker's time goes into
# looking for cycles that its code does not make.
_COLLECT_EVERY = 100_000


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when no process holds the writing end any more
    os._exit(1)


def main() -> None:
    """Serves on the file descriptor given first, until the one given second closes."""
    watch = threading.Thread(target=_end_with_parent, args=[int(sys.argv[2])])
    watch.daemon = True
    watch.start()
    gc.set_threshold(_COLLECT_EVERY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us, in order
    warnings.filterwarnings("ignore", module=r"PIL\.")  # damaged EXIF and the like
    serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
