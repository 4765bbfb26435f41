"""Beam's runners for an engine outside: a job ends with its client, a loss is told."""

import contextlib
import functools
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO, cast

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import (
    beam_job_api_pb2,
    beam_job_api_pb2_grpc,
    beam_runner_api_pb2,
)
from apache_beam.runners.portability import (
    flink_runner,
    job_server,
    prism_runner,
    spark_runner,
)
from apache_beam.runners.runner import PipelineResult

from pipeline.beam import flags, flink_rest
from pipeline.beam.engine_errors import LOST, first_line, not_started, told_of
from schemas.user_error import UnavailableError, UserError

_ANSWERS_WITHIN_S = 20  # a job server: Beam's own limit is 300 s, and six tries


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

    def wait_until_finish(self, duration: int | None = None) -> Any:
        """Waits; UnavailableError if the engine is lost, UserError if one is told."""
        try:
            state = self._job.wait_until_finish(duration)
            if duration is None:
                self._metrics = self._job.metrics()
        except BaseException as error:
            _SERVERS_LOG.disabled = True  # what it says of being cancelled
            self.cancel()
            told = told_of(error, self._where, is_ours=self._is_ours)
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


def _quiet_threads() -> None:
    """What Beam's threads tell of a job that fails: `Job` says it once."""
    if not isinstance(sys.stderr, _OfMainThread):
        sys.stderr = cast(TextIO, _OfMainThread(sys.stderr))
    logging.getLogger().addFilter(_no_message_of_the_job)
    before = threading.excepthook
    if before is not _hook:
        _others.append(before)
        threading.excepthook = _hook


def _no_message_of_the_job(record: logging.LogRecord) -> bool:
    return record.threadName != "wait_until_finish_read"


_others: list[Callable[[threading.ExceptHookArgs], Any]] = []


def _hook(args: threading.ExceptHookArgs) -> None:
    if not isinstance(args.exc_value, LOST):
        _others[-1](args)


def require_job_server(endpoint: str, within_s: float, where: str) -> list[str]:
    """The flags that a job server has beside Beam's; one that is starting may answer.

    UnavailableError if none does.
    """
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        request = beam_job_api_pb2.DescribePipelineOptionsRequest()
        try:
            answer = service.DescribePipelineOptions(
                request, timeout=within_s, wait_for_ready=True
            )
        except grpc.RpcError as error:
            raise UnavailableError(
                f"{where} at {endpoint} did not answer within {within_s:g} s: "
                f"{first_line(error)}; start it, or name the right --job_endpoint"
            ) from error
    return [f"--{option.name}" for option in answer.options]


class _Outside:
    """What the runners below add to Beam's; `_where` names the engine in messages."""

    _where = ""
    _server: Any = None

    def default_job_server(self, options: PipelineOptions) -> Any:
        self._server = super().default_job_server(options)  # type: ignore[misc]
        return self._server

    def create_job_service(self, options: PipelineOptions) -> Any:
        portable = options.view_as(PortableOptions)
        if portable.job_endpoint and portable.job_endpoint != "embed":
            within_s = min(_ANSWERS_WITHIN_S, portable.job_server_timeout)
            known = require_job_server(portable.job_endpoint, within_s, self._where)
            unknown = set(flags.unknown_to_beam(options._flags)) - set(known)
            flags.refuse_unknown(sorted(unknown), known)
        # Beam takes SIGINT for the server alone, and the command would run on.
        handler = signal.getsignal(signal.SIGINT)
        try:
            return super().create_job_service(options)  # type: ignore[misc]
        except BaseException as error:
            self._stop_server()
            told = not_started(error, self._where)
            if told is None:
                raise
            raise told from error
        finally:
            if signal.getsignal(signal.SIGINT) is not handler:
                signal.signal(signal.SIGINT, handler)

    def create_job_service_handle(self, job_service: Any, options: Any) -> Any:
        """Beam's, without its end of a job's watch after --job_server_timeout."""
        handle = super().create_job_service_handle(  # type: ignore[misc]
            job_service, options
        )
        start = handle.run

        def run(preparation_id: str) -> Any:
            handle.timeout = None  # else 300 s: not of an answer, but of all states
            return start(preparation_id)

        handle.run = run
        return handle

    def run_portable_pipeline(
        self, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> Job:
        _quiet_threads()
        job = super().run_portable_pipeline(pipeline, options)  # type: ignore[misc]
        end_on_cluster = functools.partial(self._end_on_cluster, job, options)
        is_ours = self._server is not None
        ends = (self._stop_server, end_on_cluster)
        return Job(job, self._where, *ends, is_ours=is_ours)

    def _end_on_cluster(self, job: Any, options: PipelineOptions) -> None:
        """Of what a job server that cancels a job leaves running."""

    def _stop_server(self) -> None:
        if self._server is not None:
            self._server.stop()


class _PrismServer(prism_runner.PrismJobServer):
    """A Prism that ends with this process, however that ends."""

    def subprocess_cmd_and_endpoint(self) -> tuple[list[Any], str]:
        """The program and where it listens; UserError for a location without one."""
        location = self._path or ""
        if location and "://" not in location and not os.path.isfile(location):
            raise UserError(f"--prism_location={location} is no file; name the program")
        try:
            command, endpoint = super().subprocess_cmd_and_endpoint()
        except ValueError as error:
            said = str(error).splitlines()[0]
            raise UserError(f"--prism_location={location}: {said}") from error
        setpriv = shutil.which("setpriv")  # of util-linux
        ends_with_us = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        return [*ends_with_us, *command], endpoint


def _no_error_of_a_bundle(record: logging.LogRecord) -> bool:
    return "undle" not in record.getMessage()  # which the job ends with, too


_SERVERS_LOG = logging.getLogger(_PrismServer.__name__)  # as Beam names it
_SERVERS_LOG.addFilter(_no_error_of_a_bundle)


class PrismRunner(_Outside, prism_runner.PrismRunner):
    """Beam's own engine, one process that this one starts."""

    _where = "Prism"

    def default_job_server(self, options: PipelineOptions) -> Any:
        """A Prism of this job's own."""
        _SERVERS_LOG.disabled = False  # if an earlier job has failed
        self._server = job_server.StopOnExitJobServer(_PrismServer(options))
        return self._server


class FlinkRunner(_Outside, flink_runner.FlinkRunner):
    """A Flink cluster, by a job server."""

    _where = "the Flink job server"

    def _end_on_cluster(self, job: Any, options: PipelineOptions) -> None:
        master = options.view_as(FlinkRunnerOptions).flink_master
        name, _, _ = job._job_id.rpartition("_")  # then the job server's own number
        flink_rest.cancel(master, name)


class SparkRunner(_Outside, spark_runner.SparkRunner):
    """A Spark cluster, by a job server."""

    _where = "the Spark job server"
