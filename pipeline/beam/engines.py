"""Beam's runners for an engine outside: a job ends with its client, a loss is told."""

import functools
import os
import shutil
import signal
import threading
from collections.abc import Callable
from typing import Any

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability import (
    flink_runner,
    job_server,
    prism_runner,
    spark_runner,
)

from pipeline.beam import flags, flink_rest, job_service, server_log
from pipeline.beam.engine_errors import not_handed_over, not_packed, not_started
from pipeline.beam.job import Job, quiet_threads
from schemas.user_error import UserError

# A worker that is lost while it works ends its job on Prism sooner, and a job that is
# done ends its workers.
_WITHOUT_WORKERS_S = 20.0


class _Outside:
    """What the runners below add to Beam's; `_where` names the engine in messages."""

    _where = ""
    _server: Any = None

    def default_environment(self, options: PipelineOptions) -> Any:
        """Beam's, for which it packs what workers are to be given."""
        try:
            return super().default_environment(options)  # type: ignore[misc]
        except (RuntimeError, OSError, ValueError, ImportError) as error:
            raise not_packed(error) from error

    def default_job_server(self, options: PipelineOptions) -> Any:
        """Beam's, which this process starts."""
        server_log.listen()
        self._server = super().default_job_server(options)  # type: ignore[misc]
        return self._server

    def create_job_service(self, options: PipelineOptions) -> Any:
        """Beam's; UnavailableError or UserError, in a line, where there is none."""
        portable = options.view_as(PortableOptions)
        if portable.job_endpoint and portable.job_endpoint != job_service.HERE:
            job_service.require_job_server(portable, self._where)
        # Beam takes SIGINT for the server alone, and the command would run on.
        handler = signal.getsignal(signal.SIGINT)
        try:
            return super().create_job_service(options)  # type: ignore[misc]
        except BaseException as error:
            told = self._stopped_for(error, not_started)
            if told is None:
                raise
            raise told from error
        finally:
            if signal.getsignal(signal.SIGINT) is not handler:
                signal.signal(signal.SIGINT, handler)

    def create_job_service_handle(self, service: Any, options: Any) -> Any:
        """Beam's, without its end of a job's watch after --job_server_timeout.

        UserError for what the job server cannot read: it would be left out in silence.
        """
        handle = super().create_job_service_handle(  # type: ignore[misc]
            service, options
        )
        if not handle._retain_unknown_options:
            known = job_service.own_options(service, timeout=handle.timeout)
            flags.require_readable_by(known, options._flags, "what Beam is told")
        start = handle.run

        def run(preparation_id: str) -> Any:
            handle.timeout = None  # else 300 s: not of an answer, but of all states
            return start(preparation_id)

        handle.run = run
        return handle

    def run_portable_pipeline(
        self, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> Job:
        """Beam's, as a `Job`; UnavailableError or UserError where none is taken."""
        quiet_threads()
        try:
            job = super().run_portable_pipeline(pipeline, options)  # type: ignore[misc]
        except BaseException as error:
            server_log.silence()
            told = self._stopped_for(error, not_handed_over)
            if told is None:
                raise
            raise told from error
        end_on_cluster = functools.partial(self._end_on_cluster, job, options)
        is_ours = self._server is not None
        ends = (self._stop_server, end_on_cluster)
        return Job(job, self._where, *ends, is_ours=is_ours)

    def _stopped_for(
        self, error: BaseException, meaning: Callable[..., UserError | None]
    ) -> UserError | None:
        """Ends a server of ours; what the error means to a user, None if a defect."""
        self._stop_server()
        is_ours = self._server is not None
        return meaning(error, self._where, is_ours=is_ours, said=server_log.last_line())

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


class PrismRunner(_Outside, prism_runner.PrismRunner):
    """Beam's own engine, one process that this one starts."""

    _where = "Prism"
    _job: Job | None = None
    _is_without_worker = False

    def default_job_server(self, options: PipelineOptions) -> Any:
        """A Prism of this job's own."""
        server_log.listen(self._end_soon)
        self._server = job_server.StopOnExitJobServer(_PrismServer(options))
        return self._server

    def run_portable_pipeline(
        self, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> Job:
        """As of all engines; a job whose worker has ended does not wait for one."""
        self._job = super().run_portable_pipeline(pipeline, options)
        if self._is_without_worker:  # since before there was a job
            self._end()
        return self._job

    def _end_soon(self) -> None:
        timer = threading.Timer(_WITHOUT_WORKERS_S, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        self._is_without_worker = True
        if self._job is not None:
            self._job.end_without_workers(server_log.last_line())


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
