"""What an engine that Beam starts here says: what of it is shown, and what is kept."""

import json
import logging
from collections.abc import Callable

# Beam's loggers, named after the classes that start a server.
_NAMES = ("_PrismServer", "FlinkJarJobServer", "SparkJarJobServer")
# Of Prism 2.77, of an error that the job ends with, too.
_ALSO_THE_JOBS = {
    "Prism received bundle error from worker response",
    "stage.Execute aborting due to bundle error",
    "Bundle Failed.",
    "job failed",
    "unable to pull image and it's not local",
}
# Of a worker that is a process; one that a job is done with is killed.
_NO_WORKER = {"process failed to start", "process failed while running"}
_PANIC = "panic: "
_ENDED_BY_PRISM = "signal: killed"


class _ServerLog(logging.Filter):
    """Reads each line as the server wrote it: Prism's are JSON, all else is text."""

    last_line = ""
    workers_end = ""
    worker_ended: Callable[[], None] | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        try:
            said = json.loads(line)
            message = said["msg"]
        except (ValueError, TypeError, KeyError):
            if not self.last_line.startswith(_PANIC):  # a trace of Go follows it
                self.last_line = line.strip() or self.last_line
            # The logger itself is at INFO, whatever a user asked for.
            return record.levelno >= logging.getLogger().getEffectiveLevel()
        if message in _NO_WORKER:
            return self._is_news(str(said.get("error", "")))
        return message not in _ALSO_THE_JOBS

    def _is_news(self, error: str) -> bool:
        self.workers_end = error
        if self.worker_ended is not None:
            self.worker_ended()
        return self.worker_ended is None and error != _ENDED_BY_PRISM


_LOG = _ServerLog()
for _name in _NAMES:
    logging.getLogger(_name).addFilter(_LOG)


def listen(worker_ended: Callable[[], None] | None = None) -> None:
    """A new server is about to speak; `worker_ended` is called when a worker ends."""
    _LOG.last_line = _LOG.workers_end = ""
    _LOG.worker_ended = worker_ended
    _disable(is_disabled=False)


def silence() -> None:
    """Nothing more of what a server says is shown."""
    _disable(is_disabled=True)


def last_line() -> str:
    """How a worker ended, and what was said last that is no record of a log."""
    return ", ".join(filter(None, (_LOG.workers_end, _LOG.last_line)))


def _disable(*, is_disabled: bool) -> None:
    for name in _NAMES:
        logger = logging.getLogger(name)
        logger.disabled = is_disabled
        logger.setLevel(logging.INFO)  # at which Beam logs what it reads of a server
