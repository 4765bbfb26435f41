"""Folders of models on this machine or behind any Beam file system."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

RAW = CompressionTypes.UNCOMPRESSED


def is_local(path: str) -> bool:
    """Whether a path lies on this machine."""
    return "://" not in path


def child_folders(folder: str, holding: str) -> list[str]:
    """Names of the folders in `folder` that hold a file `holding`; none if absent.

    A name is listed, never matched as a pattern: a path with `[`, `*` or `?` is as
    good as another. Links count as what they lead to, as they do for a server.
    """
    if is_local(folder):
        if not os.path.isdir(folder):
            return []
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
        return [n for n in names if os.path.exists(os.path.join(folder, n, holding))]
    (match,) = FileSystems.match([FileSystems.join(_literal(folder), "*", holding)])
    return [
        os.path.basename(os.path.dirname(metadata.path))
        for metadata in match.metadata_list
    ]


def files_below(folder: str) -> list[str]:
    """Paths of all files in a folder and below, relative to it, with slashes."""
    if is_local(folder):
        return [
            os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            for place, _, names in os.walk(folder, followlinks=True)
            for name in names
        ]
    return list(_sizes_in_store(folder))


def files_in(folder: str) -> Iterator[str]:
    """Names of the files in a folder, not of those in folders below; in no order."""
    if is_local(folder):
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.is_file())
        return
    (match,) = FileSystems.match([FileSystems.join(_literal(folder), "*")])
    yield from (os.path.basename(metadata.path) for metadata in match.metadata_list)


def inside(folder: str, name: str) -> str:
    """The path of a file that `files_below` or `files_in` named."""
    return FileSystems.join(folder, *name.split("/"))


def file_sizes(folder: str) -> dict[str, int]:
    """Bytes of each of `files_below`."""
    if is_local(folder):
        names = files_below(folder)
        return {name: os.path.getsize(os.path.join(folder, name)) for name in names}
    return _sizes_in_store(folder)


def _sizes_in_store(folder: str) -> dict[str, int]:
    bare = folder.rstrip("/")
    (match,) = FileSystems.match([f"{_literal(bare)}/**"])
    listed = match.metadata_list
    return {one.path[len(bare) + 1 :]: one.size_in_bytes for one in listed}


def file_digest(path: str) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with FileSystems.open(path, compression_type=RAW) as source:
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def copy_file(source: str, target: str) -> None:
    """Copies a file's bytes; on this machine they are on the disk when it returns."""
    make_folder(os.path.dirname(target))
    with FileSystems.open(source, compression_type=RAW) as reader:
        if not is_local(target):
            with FileSystems.create(target, compression_type=RAW) as writer:
                shutil.copyfileobj(reader, writer)
            return
        with open(target, "wb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())


def write_file(path: str, content: bytes) -> None:
    """Writes a file; on this machine it is on the disk when this returns."""
    make_folder(os.path.dirname(path))
    if not is_local(path):
        with FileSystems.create(path, compression_type=RAW) as writer:
            writer.write(content)
        return
    with open(path, "wb") as writer:
        writer.write(content)
        writer.flush()
        os.fsync(writer.fileno())


def make_folder(path: str) -> None:
    """Makes a folder where there are folders to make: object stores have none."""
    if is_local(path):
        os.makedirs(path, exist_ok=True)


def sync_folder(folder: str) -> None:
    """Puts the names in a local folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(folder: str) -> None:
    """Puts the names in a local folder, and in those below it, on the disk."""
    for place, _, _ in os.walk(folder):
        sync_folder(place)


def _literal(path: str) -> str:
    """A pattern that matches this very path."""
    return re.sub(r"([*?[])", r"[\1]", path)
