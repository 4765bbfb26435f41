"""Worker processes for one machine: a shard at a time, without Beam or TensorFlow.

Python's own process pools start their children by importing the parent's main module
again; that module may be a whole pipeline. These children run one small module of
ours, start in a third of a second and hold only Pillow and NumPy.
"""

import os
import queue
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from components.example_gen.source import remote
from schemas import own_process

_MODULE = "components.example_gen.shards.worker_process"


class WorkerDiedError(RuntimeError):
    """A worker process ended before it answered."""


class _Worker:
    """One child and the pipe to it."""

    def __init__(self) -> None:
        ours, theirs = Pipe()
        self._pipe: Connection[Any, Any] = ours
        # Nothing is ever written: its reading end tells the child that we are gone,
        # also while it works on a shard.
        watched, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            [*own_process.command(_MODULE), str(theirs.fileno()), str(watched)],
            pass_fds=[theirs.fileno(), watched],
            # NumPy works on a few numbers here; OpenBLAS would start a thread per core
            # in each of us, which wait by spinning.
            env=own_process.environment(OPENBLAS_NUM_THREADS="1"),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        os.close(watched)

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            self._pipe.send((function, arguments))
            answer, error = self._pipe.recv()
        except (EOFError, OSError) as broken:
            code = self._process.wait()
            raise WorkerDiedError(
                f"ingest worker {self._process.pid} ended early with status {code}; "
                "nothing of this run is kept, run it again"
            ) from broken
        if error is not None:
            raise error
        return answer

    def stop(self) -> None:
        self._pipe.close()  # the child ends where its pipe does
        self._process.wait()
        os.close(self._lifeline)


class WorkerPool:
    """Runs functions of our modules in child processes."""

    def __init__(self, processes: int) -> None:
        self._threads = ThreadPoolExecutor(processes, "ingest-worker")
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        self._started: list[_Worker] = []
        for _ in range(processes):
            self._idle.put(None)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Queues a call; its future holds the answer or what the child raised."""
        return self._threads.submit(self._run, function, arguments)

    def start(self) -> None:
        """Starts all children now, so that they are ready when there is work."""
        for _ in range(self._idle.qsize()):
            self._idle.put(self._idle.get() or self._started_worker())

    def _started_worker(self) -> _Worker:
        worker = _Worker()
        self._started.append(worker)
        if known := remote.told():
            worker.call(remote.tell_as, (known,))
        return worker

    def _run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        worker = self._idle.get() or self._started_worker()
        try:
            return worker.call(function, arguments)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Forgets what is queued and ends the children."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._started:
            worker.stop()


class Hands(NamedTuple):
    """Who works on the shards that a Beam worker is given."""

    processes: int  # of ours; 1: the Beam worker itself
    threads: int  # in each


_SHARED: dict[int, WorkerPool] = {}
_LOCK = threading.Lock()  # a runner may have two bundles in one worker


def shared_pool(processes: int) -> WorkerPool:
    """The pool of this process: both of a run's stages use the same children."""
    with _LOCK:
        if processes not in _SHARED:
            _SHARED[processes] = WorkerPool(processes)
        return _SHARED[processes]


def close_shared_pools() -> None:
    """Ends the children of every shared pool."""
    with _LOCK:
        pools = [*_SHARED.values()]
        _SHARED.clear()
    for pool in pools:
        pool.close()
