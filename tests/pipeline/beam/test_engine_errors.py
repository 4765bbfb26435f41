"""What an engine's errors mean to a user: one line, and its exit status."""

import errno
import subprocess
import sys

import pytest

from pipeline.beam import server_log
from pipeline.beam.engine_errors import (
    not_handed_over,
    not_packed,
    not_started,
    told_of,
)
from pipeline.beam.job import Job
from schemas import own_process
from schemas.user_error import RefusedError, UnavailableError, UserError


def test_a_prism_that_cannot_be_fetched_ended_no_job():
    # what Beam 2.77 says without a network, where no prism is on PATH
    said = "Unable to fetch remote prism binary at https://h/p.zip: <urlopen error>"
    told = not_started(RuntimeError(said), "Prism")
    assert type(told) is UnavailableError
    assert str(told) == (
        f"Prism did not start: {said}; docs/runners.md says what must be there"
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(2, "No such file or directory", "java"), UnavailableError),
        (ValueError('Unable to parse jar URL "/nope.jar". If using\nmore'), UserError),
    ],
)
def test_a_job_server_that_cannot_be_started_is_one_line(error, kind):
    told = not_started(error, "the Flink job server")
    assert type(told) is kind
    assert str(told) == (
        f"the Flink job server did not start: {str(error).splitlines()[0]}; "
        "docs/runners.md says what must be there"
    )
    assert not_started(KeyError("dog"), "Flink") is None


def test_what_this_command_has_started_it_starts_again():
    lost = ConnectionError("reset")
    assert str(told_of(lost, "Prism", is_ours=True)) == (
        "Prism is lost: reset; repeat the command"
    )
    assert str(told_of(lost, "Prism")) == (
        "Prism is lost: reset; start it again and repeat the command"
    )


def test_of_what_this_command_could_not_start_its_own_word_is_told():
    ours = {"is_ours": True, "said": "panic: no space left"}
    lost = not_started(ConnectionError("reset"), "Prism", **ours)
    assert str(lost) == (
        "Prism is lost: reset, its last line: panic: no space left; repeat the command"
    )
    ended = RuntimeError("Service failed to start up with error 2")
    assert str(not_started(ended, "Prism", **ours)) == (
        "Prism did not start: Service failed to start up with error 2, its last line: "
        "panic: no space left; docs/runners.md says what must be there"
    )


def test_a_users_mistake_that_a_remote_worker_met_is_told_as_such():
    text = (
        "Pipeline job-1 failed in state FAILED: java.lang.RuntimeException: Error\n"
        "Traceback (most recent call last):\n  File ...\n"
        "schemas.user_error.UserError: /data/voc cannot be read: gone\n"
    )
    told = told_of(RuntimeError(text), "Flink")
    assert type(told) is UserError
    assert str(told) == "/data/voc cannot be read: gone"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("components.example_gen.shards.staging.StagingGoneError", UserError),
        ("schemas.user_error.UnavailableError", UnavailableError),
        ("schemas.user_error.RefusedError", RefusedError),
        ("components.example_gen.source.gs.LostStoreError", UnavailableError),
    ],
)
def test_what_a_remote_worker_was_told_keeps_its_exit_status(name, kind):
    text = f"Traceback (most recent call last):\n  File ...\n{name}: /a is gone [while"
    told = told_of(RuntimeError(f"{text} running 'WriteShard']\n"), "Flink")
    assert isinstance(told, kind)
    assert type(told) in (UserError, UnavailableError, RefusedError)
    assert str(told) == "/a is gone"


_TOLD = """
import sys
from pipeline.beam.engine_errors import told_of
module = "components.example_gen.shards.staging"
assert module not in sys.modules
print(repr(told_of(RuntimeError(f"Traceback\\n{module}.StagingGoneError: gone"), "F")))
"""


def test_a_class_that_only_the_worker_has_imported_is_known():
    done = subprocess.run(
        [sys.executable, "-c", _TOLD],
        env=own_process.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "UserError('gone')\n"


@pytest.mark.parametrize(
    "name",
    [
        "components.example_gen.source.png_file.PngError",  # no mistake of a user
        "components.of_another_version.GoneError",
        "schemas.user_error.user_error_in",
        "elsewhere.UserError",
    ],
)
def test_what_is_no_class_of_a_users_mistakes_is_a_defect(name):
    text = f"Traceback (most recent call last):\n  File ...\n{name}: gone\n"
    assert told_of(RuntimeError(text), "Flink") is None


def test_a_defect_in_a_worker_keeps_its_trace():
    text = "failed: Traceback (most recent call last):\nKeyError: 'dog'"
    assert told_of(RuntimeError(text), "Flink") is None
    assert told_of(KeyError("dog"), "Flink") is None


def test_what_an_engine_says_without_a_trace_is_its_own_affair():
    told = told_of(RuntimeError("worker disconnected\nmore"), "Flink")
    assert type(told) is UnavailableError
    assert str(told) == ("Flink ended the job: worker disconnected; repeat the command")


def test_the_last_word_of_a_server_of_ours_is_told_with_a_job_that_ended():
    said = "signal: segmentation fault"
    told = told_of(RuntimeError("worker disconnected"), "Prism", said=said)
    assert str(told) == (
        "Prism ended the job: worker disconnected, its last line: signal: segmentation "
        "fault; repeat the command"
    )


@pytest.mark.parametrize("where", [not_handed_over, not_packed])
def test_a_full_disk_is_told_as_one(where):
    error = OSError(errno.ENOSPC, "No space left on device", "/tmp/x")
    more = {} if where is not_packed else {"where": "Prism", "is_ours": True}
    assert str(where(error, **more)) == (
        "the disk is full (No space left on device at /tmp/x); make room and repeat "
        "the command"
    )


class _Panicked:
    """A job on a Prism whose worker's process had just ended."""

    def wait_until_finish(self, duration):
        raise RuntimeError(
            "Pipeline job-001[job] failed in state FAILED: panic in stage.Execute "
            "bundle processing goroutine: send on closed channel, stage: &{ID:stage-001"
        )

    def cancel(self):
        """It is over."""


def test_what_prism_says_of_a_worker_that_has_just_ended_is_told_as_that(monkeypatch):
    monkeypatch.setattr(server_log, "silence", lambda: None)
    monkeypatch.setattr(server_log, "last_line", lambda: "exit status 3")
    job = Job(_Panicked(), "Prism", lambda: None, is_ours=True)
    with pytest.raises(UnavailableError) as told:
        job.wait_until_finish()
    assert str(told.value) == (
        "Prism has no worker: the process that was to be one ended (exit status 3); "
        "mend what --environment_config starts"
    )


def test_what_java_and_beam_put_before_it_is_left_out():
    # Flink 1.16 and Beam 2.51, whose worker was killed
    grpc = "org.apache.beam.vendor.grpc.v1p54p0.io.grpc.StatusRuntimeException: "
    said = "CANCELLED: call already cancelled."
    text = f"Pipeline BeamApp-root-1-2_a-b failed in state FAILED: {grpc}{grpc}{said}"
    assert str(told_of(RuntimeError(text), "Flink")) == (
        f"Flink ended the job: {said}; repeat the command"
    )


def test_a_record_that_flink_has_no_memory_for_is_not_mended_by_trying_again():
    # Flink 1.16, of the Evaluator's images, with 384 MB of managed memory per slot
    said = "Cannot write record to fresh sort buffer. Record too large."
    text = f"Pipeline BeamApp-1 failed in state FAILED: java.io.IOException: {said}"
    assert str(told_of(RuntimeError(text), "Flink")) == (
        f"Flink ended the job: {said}; raise taskmanager.memory.managed.size, "
        "then repeat the command"
    )
