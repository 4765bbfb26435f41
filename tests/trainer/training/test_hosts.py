"""Several processes meet; `make test-hosts` has them train."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.train_process import ended_by, log_of, settings_of_jax
from pipeline.training.task import Task
from schemas.user_error import UserError
from trainer.input.host import Host
from trainer.training import hosts
from trainer.training.hosts import is_loss, join, this_host
from trainer.training.meeting import Meeting
from trainer.training.strategy import distribution_scope, require_equal_shares

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "trainer" / "programs" / "meet.py"


@pytest.fixture(scope="module")
def two():
    """What two processes told each other, and how each ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [sys.executable, PROGRAM],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **settings_of_jax(),
                "PYTHONPATH": str(ROOT),
                "KERAS_BACKEND": "jax",
                "JAX_COORDINATOR_ADDRESS": address,
                "JAX_NUM_PROCESSES": "2",
                "JAX_PROCESS_ID": str(index),
            },
        )
        for index in range(2)
    ]
    said = [each.communicate(timeout=300)[0] for each in processes]
    told = [json.loads(text.splitlines()[-1]) for text in said]
    return told, [each.returncode for each in processes]


@pytest.mark.slow
def test_processes_meet_and_tell_each_other_what_they_have(two):
    told, _ = two
    assert [each["host"] for each in told] == [[0, 2], [1, 2]]
    names = ["éHost(index=0, count=2)", "éHost(index=1, count=2)"]
    for each in told:
        assert each["gathered"] == [[[], names[0]], [[0.0, 1.0, 2.0], names[1]]]
        assert each["nothing"] is None
        assert each["first"] == names[0]


@pytest.mark.slow
def test_processes_that_do_not_train_the_same_are_all_refused(two):
    for each in two[0]:
        assert each["refused"] == (
            "process 1 of 2 has another config than process 0: start all of them on "
            "the same files with the same command"
        )


@pytest.mark.slow
def test_a_process_that_has_met_others_is_ended_by_sigterm_in_order(two):
    assert [each["sigterm"] for each in two[0]] == [True, True]


@pytest.mark.slow
def test_a_process_that_is_lost_is_noticed(two):
    (first, _), statuses = two
    assert statuses[1] == -signal.SIGKILL
    # JAX says it by an error, or ends the process
    assert first["lost"] is True
    assert statuses[0] == 0


# as gloo, the coordination service and NCCL say it
@pytest.mark.parametrize(
    "said",
    [
        "Gloo all-reduce failed: [pair.cc:547] Connection closed by peer [10.0.0.7]:4",
        "Gloo all-reduce failed: Read error [10.0.0.7]:4: Connection reset by peer",
        "UNAVAILABLE: Failed to send RPC to coordination service.",
        "The following tasks are unhealthy (stopped sending heartbeats): task:1",
        "ncclRemoteError: a network error or a remote process exiting prematurely",
    ],
)
def test_what_is_said_of_other_processes_is_a_loss(said):
    jax = pytest.importorskip("jax")
    assert is_loss(jax.errors.JaxRuntimeError(said))
    assert not is_loss(OSError(said))  # of a store, say


@pytest.mark.parametrize(
    "said",
    [
        "shapes (2,) and (3,) do not fit",
        "RESOURCE_EXHAUSTED: Failed to allocate 4 bytes for gloo",
        "ncclUnhandledCudaError: Call to CUDA function failed: out of memory",
    ],
)
def test_other_errors_say_nothing_of_a_loss(said):
    pytest.importorskip("jax")
    assert not is_loss(ValueError(said))


def test_an_abort_is_a_loss_where_the_last_words_say_so():
    words = b"F1128 client.h] Terminating process: likely another task died; see the"
    assert ended_by(signal.SIGABRT, words) == "JAX has lost the others"
    assert ended_by(signal.SIGABRT, b"Check failed: size > 0") == "JAX ended it"
    assert ended_by(signal.SIGKILL, words) == "its process was ended by SIGKILL"


def test_every_process_has_a_log_of_its_own():
    task = Task(examples="in", output="out", config="{}")
    meeting = Meeting("a:1", Host(1, 2))
    assert log_of(task, meeting) == "out/train-1.log"
    # where JAX finds its processes itself, nobody knows their numbers yet
    name = f"train-{socket.gethostname()}-{os.getpid()}.log"
    assert log_of(task, None) == f"out/{name}"


def test_a_process_that_was_told_another_number_than_have_met_is_refused(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setattr(hosts.keras.distribution, "initialize", lambda *_: None)
    monkeypatch.setattr(hosts, "this_host", lambda strategy: Host(1, 2))
    assert join(Meeting("a:1", Host(1, 2))) == Host(1, 2)
    with pytest.raises(UserError, match="is to be 1 of 3 processes, and 2 have met at"):
        join(Meeting("a:1", Host(1, 3)))


def test_without_the_others_it_is_refused_with_what_to_start():
    with pytest.raises(UserError, match="'multi_host' is JAX's, and the backend here"):
        this_host("multi_host")
    with pytest.raises(UserError, match="run with KERAS_BACKEND=jax"):
        distribution_scope("multi_host")
    with pytest.raises(UserError, match="run with KERAS_BACKEND=jax"):
        require_equal_shares("multi_host", 8)
