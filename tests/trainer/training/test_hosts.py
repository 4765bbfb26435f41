"""Several processes meet; `make test-hosts` has them train."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.user_error import UserError
from trainer.training.hosts import is_loss, this_host
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
def test_a_process_that_is_lost_is_noticed(two):
    (first, _), statuses = two
    assert statuses[1] == -signal.SIGKILL
    # JAX says it by an error, or ends the process
    assert first["lost"] is True
    assert statuses[0] == 0


def test_other_errors_say_nothing_of_a_loss():
    pytest.importorskip("jax")
    assert not is_loss(ValueError("shapes (2,) and (3,) do not fit"))
    assert not is_loss(OSError("Connection reset by peer"))  # of a store, say


def test_without_the_others_it_is_refused_with_what_to_start():
    with pytest.raises(UserError, match="'multi_host' is JAX's, and the backend here"):
        this_host("multi_host")
    with pytest.raises(UserError, match="run with KERAS_BACKEND=jax"):
        distribution_scope("multi_host")
    with pytest.raises(UserError, match="run with KERAS_BACKEND=jax"):
        require_equal_shares("multi_host", 8)
