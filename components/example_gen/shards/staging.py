"""A run's staging folder: whose it is, and what in it is whole.

Workers die, and their work is done again; some wake up when that is over. So each
attempt at a shard writes under names of its own, and the result, which is written last
and aside, says which files are the shard.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import google_crc32c

from components.example_gen.config import IngestConfig
from components.example_gen.shards import tfrecord
from components.example_gen.source import remote, storage
from schemas.config_json import to_json
from schemas.user_error import UserError

_MARK = "run.json"
FOLDERS = ("plan", "shards", "results")


class StagedFile(NamedTuple):
    """One file of a shard, as the attempt that wrote it has it."""

    kind: str
    split: str  # "" where it holds something about all splits
    name: str  # below the staging folder
    records: int
    size: int
    crc: int  # crc32c of the whole file


class StagingGoneError(UserError):
    """The run that a worker writes for is over, or another has taken its place."""


def make(staging: str) -> None:
    """Makes the folder and those in it; workers make none, so that none comes back."""
    for name in FOLDERS:
        tfrecord.make_directory(f"{staging}/{name}")


def claim(staging: str, run_id: str, config: IngestConfig) -> None:
    """Says whose the folder is, before any worker writes into it."""
    tfrecord.write_whole(f"{staging}/{_MARK}", _mark(run_id, config))


def require_claimed(staging: str, run_id: str, config: IngestConfig) -> None:
    """StagingGoneError unless the folder is of this run and of this config."""
    try:
        with storage.open_read(f"{staging}/{_MARK}") as file:
            found = file.read()
    except OSError:  # Beam's is one, too
        raise StagingGoneError(
            f"{staging} is gone: the run that it was for is over, or another with the "
            "same output has begun"
        ) from None
    if found != _mark(run_id, config):
        raise StagingGoneError(f"{staging} is another run's now; this one is over")


def _mark(run_id: str, config: IngestConfig) -> bytes:
    digest = hashlib.sha256(to_json(config).encode()).hexdigest()
    return json.dumps({"run": run_id, "config": digest}).encode()


def write_file(staging: str, kind: str, name: str, content: bytes) -> StagedFile:
    """Writes a small file of a shard below the staging folder."""
    with tfrecord.open_write(f"{staging}/{name}") as file:
        file.write(content)
    crc = google_crc32c.value(content)
    return StagedFile(kind, "", name, content.count(b"\n"), len(content), crc)


def require_listed(staging: str, files: Sequence[StagedFile]) -> None:
    """UserError unless a store lists the files of all shards as they were written.

    That is in their sizes and, where it tells it, with their crc32c.
    """
    left = {f"{staging}/{file.name}": file for file in files}
    for found in remote.listed(f"{staging}/shards"):
        file = left.get(found.path)
        if file and found.size == file.size and found.crc32c in (None, file.crc):
            del left[found.path]
    for path, file in left.items():
        raise UserError(
            f"{path} is not there in the {file.size} bytes with crc {file.crc:08x} "
            "that its worker wrote: the store lost something; run it again"
        )


def require_intact(staging: str, file: StagedFile) -> None:
    """UserError unless a file holds what was written into it."""
    path = f"{staging}/{file.name}"
    found = tfrecord.size_and_crc(path) if storage.exists(path) else (0, 0)
    if found != (file.size, file.crc):
        raise UserError(
            f"{path} is not what its worker wrote ({found[0]} bytes with crc "
            f"{found[1]:08x}, not {file.size} with {file.crc:08x}): the disk or store "
            "lost something; run it again"
        )
