"""Tells how far a run is, however many processes work on it."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence

from components.example_gen.source import remote

_LOGGER = logging.getLogger(__name__)


def _finished(directory: str) -> int:
    try:
        with os.scandir(directory) as files:
            return sum(1 for file in files if file.name.endswith(".json"))
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def logged(
    directory: str, shard_sizes: Sequence[int], interval_s: float = 5.0
) -> Iterator[None]:
    """Logs images done and total at most every `interval_s` while the block runs.

    A shard leaves its result in `directory` when it is done; counting those works for
    any runner that writes to a local disk. Elsewhere only start and end are logged.
    """
    total, shards = sum(shard_sizes), len(shard_sizes)
    _LOGGER.info("ingest: 0/%d images", total)
    done, started = threading.Event(), time.monotonic()

    def watch() -> None:
        while not done.wait(interval_s):
            share = _finished(directory) / shards if shards else 1.0
            elapsed = time.monotonic() - started
            _LOGGER.info(
                "ingest: %d/%d images, %.0f s", round(share * total), total, elapsed
            )

    thread = threading.Thread(target=watch, name="ingest-progress", daemon=True)
    if not remote.is_remote(directory):
        thread.start()
    try:
        yield
    finally:
        done.set()
        if thread.is_alive():
            thread.join()
    _LOGGER.info("ingest: %d images, %.1f s", total, time.monotonic() - started)
