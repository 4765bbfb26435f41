"""A job on an engine outside: it ends with its client, and is told of once."""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO, cast

from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.utils import subprocess_server

from pipeline.beam import server_log
from pipeline.beam.engine_errors import LOST, told_of
from schemas.user_error import UnavailableError, UserError

# Prism 2.77, which hands a bundle to a worker whose process has just ended.
_NOBODY_THERE = "panic in stage.Execute bundle processing goroutine: send on closed"


class Job(PipelineResult):
    """A job on an engine: cancelled if what waits for it is interrupted."""

    def __init__(
        self,
        job: Any,
        where: str,
        stop_server: Callable[[], None],
        end_on_cluster: Callable[[], None] = lambda: None,
        *,
        is_ours: bool = False,
    ) -> None:
        super().__init__(None)
        self._job = job
        self._where = where
        self._stop_server = stop_server
        self._end_on_cluster = end_on_cluster
        self._is_ours = is_ours
        self._metrics: Any = None
        self._ended_for: UserError | None = None

    @property
    def state(self) -> Any:
        """As the engine tells it."""
        return self._job.state

    def metrics(self) -> Any:
        """As the engine tells them; once it is done, as it told them then."""
        return self._metrics or self._job.metrics()

    def cancel(self) -> Any:
        """Ends the job, and the server if this process started it."""
        with contextlib.suppress(*LOST):  # gone, and the job with it or out of reach
            self._job.cancel()
        with contextlib.suppress(OSError):  # likewise
            self._end_on_cluster()
        self._stop_server()

    def end_without_workers(self, why: str) -> None:
        """Ends a job that is not over by itself: its engine would wait for ever."""
        with contextlib.suppress(*LOST, ValueError):  # ValueError: it was let go
            if not PipelineState.is_terminal(self.state):
                self._ended_for = self._without_workers(why)
                self._job.cancel()

    def _without_workers(self, why: str) -> UserError:
        return UnavailableError(
            f"{self._where} has no worker: the process that was to be one "
            f"ended ({why}); mend what --environment_config starts"
        )

    def wait_until_finish(self, duration: int | None = None) -> Any:
        """Waits; UnavailableError if the engine is lost, UserError if one is told."""
        try:
            state = self._job.wait_until_finish(duration)
            if duration is None:
                self._metrics = self._job.metrics()
        except BaseException as error:
            server_log.silence()  # what it says of being cancelled
            self.cancel()
            told = self._ended_for
            said = server_log.last_line() if self._is_ours else ""
            if said and _NOBODY_THERE in str(error):
                told = self._without_workers(said)
            elif told is None or not isinstance(error, Exception):
                told = told_of(error, self._where, is_ours=self._is_ours, said=said)
            if told is None:
                raise
            raise told from error
        if duration is None:  # else it may run on
            self._stop_server()
            if isinstance(sys.stderr, _OfMainThread):
                sys.stderr = sys.stderr.stream
        return state


class _OfMainThread:
    """A stream that drops what other threads write, until a job has ended well.

    Workers in this process print a trace of each error that they hand on, and more as
    engine and files vanish under them. What logs to a stream has it already.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread() is threading.main_thread():
            return self.stream.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def quiet_threads() -> None:
    """What Beam's threads tell of a job that fails: `Job` says it once."""
    if not isinstance(sys.stderr, _OfMainThread):
        sys.stderr = cast(TextIO, _OfMainThread(sys.stderr))
    logging.getLogger().addFilter(_is_news)
    before = threading.excepthook
    if before is not _hook:
        _others.append(before)
        threading.excepthook = _hook


def _is_news(record: logging.LogRecord) -> bool:
    """Not what a job says while it is waited for, nor that its server is starting."""
    return (
        record.threadName != "wait_until_finish_read"
        and record.module != subprocess_server.__name__.rpartition(".")[2]
    )


_others: list[Callable[[threading.ExceptHookArgs], Any]] = []


def _hook(args: threading.ExceptHookArgs) -> None:
    if not isinstance(args.exc_value, LOST):
        _others[-1](args)
