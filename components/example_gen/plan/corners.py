"""Reads as many annotations as it takes to know how a data set counts pixels."""

import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from components.example_gen.config import IngestConfig
from components.example_gen.source import remote, storage
from components.example_gen.source.annotation import (
    Annotation,
    AnnotationError,
    read_annotation,
)
from components.example_gen.source.corners import Corners, decide, sample
from components.example_gen.source.item import Item
from components.example_gen.source.storage import Entry

_READERS = 16  # of remote files; a local one is there sooner than a thread


def find_corners(items: Sequence[Item], config: IngestConfig) -> Corners:
    """What the config says, else what a fixed sample of the annotations gives away."""
    if config.corners != "auto":
        return Corners(config.corners, "set so")
    usable = (i for i in items if i.annotation is not None and not i.unsafe)
    by_name = sorted({i.annotation_name: i.annotation for i in usable}.items())
    return decide(_read_all(sample([ref for _, ref in by_name if ref]), config))


def decided(
    items: Sequence[Item], config: IngestConfig
) -> tuple[IngestConfig, Corners]:
    """The config to examine the items of a data set with, and why."""
    corners = find_corners(items, config)
    return dataclasses.replace(config, corners=corners.convention), corners


def _read_all(entries: Sequence[Entry], config: IngestConfig) -> Iterator[Annotation]:
    def read(entry: Entry) -> bytes:
        try:
            return storage.read_bytes(entry, config.max_file_bytes)
        except (OSError, storage.TooLargeError):
            return b""  # the item's own rules will say what is wrong with it

    with ThreadPoolExecutor(_READERS) as pool:
        waits = any(remote.is_remote(entry.path) for entry in entries)
        for raw in pool.map(read, entries) if waits else map(read, entries):
            try:
                yield read_annotation(raw)
            except AnnotationError:
                continue
