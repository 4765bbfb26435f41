"""The process that waits for a training in a child."""

import signal
import sys
import threading
import time

import pytest

from pipeline.cli import train_process
from pipeline.training.task import Task
from schemas import own_process

# As one that waits for others in an exchange, it does not hear of a SIGTERM.
DEAF = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("begun").touch()
time.sleep(60)
"""


def test_an_interrupt_ends_a_child_that_does_not_hear_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_process, "command", lambda _: [sys.executable, "-c", DEAF])
    begun = tmp_path / "begun"

    def interrupt():
        while not begun.exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    # a shell's background jobs begin with an interrupt that is ignored
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt, daemon=True).start()
    task = Task(examples="in", output=str(tmp_path), config="{}")
    try:
        with pytest.raises(KeyboardInterrupt):
            train_process.train_in_own_process(task, None)
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert 2 < time.time() - begun.stat().st_mtime < 8
