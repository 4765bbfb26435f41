"""What a person sees of a run: a line per stage; everything else goes to a file."""

import contextlib
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from pipeline.run.colour import painted
from schemas.user_error import UserError

_OURS = ("schemas", "trainer", "components", "pipeline")
_STAGE_LINE = re.compile(r"Component (\S+) is (running|finished)\.")


class StageReporter(logging.Handler):
    """Turns the local runner's start and finish messages into calls."""

    def __init__(
        self, started: Callable[[str], None], finished: Callable[[str, float], None]
    ) -> None:
        super().__init__()
        self._started = started
        self._finished = finished
        self._start_s = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at every record; acts on the runner's two messages."""
        match = _STAGE_LINE.fullmatch(record.getMessage())
        if match is None:
            return
        stage, what = match.groups()
        if what == "running":
            self._start_s = time.monotonic()
            self._started(stage)
        else:
            self._finished(stage, time.monotonic() - self._start_s)


class _OursOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] in _OURS


@contextlib.contextmanager
def quiet_console(log_path: str, *, quiet: bool = False) -> Iterator[None]:
    """Our own messages go to the terminal, everyone's to `log_path`; `quiet`: warnings.

    Libraries written in C++ write to file descriptor 2 past Python's logging; for the
    duration that descriptor is the log file, and `sys.stderr` still the terminal.
    """
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    to_file = logging.FileHandler(log_path)
    to_file.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    to_terminal = logging.StreamHandler(terminal)
    to_terminal.setFormatter(logging.Formatter("  %(message)s"))
    to_terminal.addFilter(_OursOnly())
    to_terminal.setLevel(logging.WARNING if quiet else logging.INFO)
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.stderr
    root.handlers[:] = [to_file, to_terminal]
    root.setLevel(logging.INFO)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.captureWarnings(True)
    log_descriptor = os.open(log_path, os.O_WRONLY | os.O_APPEND)
    saved_descriptor = os.dup(2)
    os.dup2(log_descriptor, 2)
    # What is renewed in place is written to `sys.stderr`, if that is a terminal.
    sys.stderr = open(log_path, "a") if quiet else terminal  # noqa: SIM115
    try:
        yield
    finally:
        sys.stderr.flush()
        if quiet:
            sys.stderr.close()
        root.handlers[:], root.level, sys.stderr = before[0], before[1], before[2]
        logging.captureWarnings(False)
        os.dup2(saved_descriptor, 2)
        for descriptor in (saved_descriptor, log_descriptor):
            os.close(descriptor)
        to_file.close()
        terminal.close()


@contextlib.contextmanager
def quiet_libraries(*, quiet: bool = True) -> Iterator[None]:
    """What libraries say while they work is shown only if the block crashes.

    What we say is shown if not `quiet`.
    """
    descriptor, path = tempfile.mkstemp(prefix="voc-pipeline-", suffix=".log")
    os.close(descriptor)
    try:
        with quiet_console(path, quiet=quiet):
            yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException:
        with open(path, errors="replace") as said:
            sys.stderr.write(said.read())
        raise
    finally:
        os.unlink(path)


@contextlib.contextmanager
def stage_lines(metadata_path: str) -> Iterator[None]:
    """Writes a line to `sys.stderr` as each stage starts and ends."""
    from absl import logging as absl_logging

    from pipeline.run.record import latest_run

    def started(stage: str) -> None:
        sys.stderr.write(f"{stage} ...\n")

    def finished(stage: str, seconds: float) -> None:
        reused = latest_run(metadata_path)[stage].reused
        how = "reused" if reused else f"done in {seconds:.1f} s"
        how = painted(how, "dim" if reused else "green", sys.stderr)
        sys.stderr.write(f"{stage}: {how}\n")

    absl_logging.set_verbosity(absl_logging.INFO)
    reporter = StageReporter(started, finished)
    logging.getLogger().addHandler(reporter)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(reporter)
