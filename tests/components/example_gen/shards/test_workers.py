"""Our own processes: they end with whoever started them, and are started once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from components.example_gen.shards import workers

_PARENT = """
import os, sys, time
from components.example_gen.shards.workers import WorkerPool
pool = WorkerPool(1)
print(pool.submit(os.getpid).result(), flush=True)
pool.submit(time.sleep, 60)
time.sleep(60)
"""


def test_a_child_at_work_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 20  # of 60 s that it would work on
    while _lives(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _lives(pid):
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def _shared():
    yield
    workers.close_shared_pools()


@pytest.mark.usefixtures("_shared")
def test_two_bundles_at_once_share_one_pool(monkeypatch):
    made = []

    class SlowPool(workers.WorkerPool):
        def __init__(self, processes):
            made.append(self)
            time.sleep(0.1)
            super().__init__(processes)

    monkeypatch.setattr(workers, "WorkerPool", SlowPool)
    threads = [threading.Thread(target=workers.shared_pool, args=[2]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
