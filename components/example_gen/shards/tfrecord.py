"""TFRecord files, without TensorFlow: length, masked crc32c, data, masked crc32c.

The format is TensorFlow's core/lib/io/record_writer.cc. google_crc32c (C, some
10 GB/s) comes with Apache Beam, whose own reader and writer use it too.
"""

import contextlib
import gzip
import os
import secrets
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, cast

import google_crc32c

from components.example_gen.source import remote, storage

_MASK_DELTA = 0xA282EAD8
GZIP_LEVEL = 1  # JPEG does not get smaller, and the rest is small


class TFRecordError(ValueError):
    """The file is no TFRecord, or was cut or damaged."""


def masked_crc(data: bytes) -> int:
    """crc32c, rotated by 15 bits and shifted, as TFRecord stores it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _head(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked_crc(length))


def frame(record: bytes) -> bytes:
    """One record as it stands in the file."""
    return _head(record) + record + struct.pack("<I", masked_crc(record))


class TFRecordWriter:
    """Writes records, and knows what the file must then hold.

    The file has its name from the start: that it is whole, whoever wrote it says
    elsewhere, by `size` and `crc` (crc32c of all of the file) after the block.
    """

    def __init__(self, path: str, *, compress: bool = False) -> None:
        self.path = path
        self.records = 0
        self._raw = _SummedFile(open_write(path))
        # No name and no time in the gzip header: equal records give equal bytes.
        self._zip = (
            gzip.GzipFile("", "wb", GZIP_LEVEL, cast(BinaryIO, self._raw), mtime=0)
            if compress
            else None
        )

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._raw.size

    @property
    def crc(self) -> int:
        """crc32c of the bytes written so far."""
        return self._raw.crc

    def write(self, record: bytes) -> None:
        """Adds one serialized example."""
        file = self._zip or self._raw
        file.write(_head(record))
        file.write(record)
        file.write(struct.pack("<I", masked_crc(record)))
        self.records += 1

    def __enter__(self) -> "TFRecordWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._zip is not None:
            self._zip.close()
        self._raw.close()


class _SummedFile:
    """A file that is written, with size and crc32c of what went into it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size, self.crc = 0, 0
        self.close, self.flush = file.close, file.flush

    def write(self, data: bytes) -> int:
        self.crc = google_crc32c.extend(self.crc, data)
        self.size += len(data)
        return self._file.write(data)


def write_whole(path: str, content: bytes) -> None:
    """Writes a file that nobody sees half written.

    On a disk it is written aside, under a name that no other attempt has, and renamed.
    """
    with written_whole(path) as file:
        file.write(content)


@contextlib.contextmanager
def written_whole(path: str) -> Iterator[BinaryIO]:
    """The same for what is written in parts."""
    # In a store it is seen when it is closed, and to rename it is to copy it.
    aside = path if remote.is_object(path) else f"{path}.{secrets.token_hex(4)}.partial"
    with open_write(aside) as file:
        yield file
    if aside != path:
        rename(aside, path)


def size_and_crc(path: str) -> tuple[int, int]:
    """Size and crc32c of a file, which is read to its end."""
    size, crc = 0, 0
    with storage.open_read(path) as file:
        while chunk := file.read(1 << 20):
            size, crc = size + len(chunk), google_crc32c.extend(crc, chunk)
    return size, crc


def open_write(path: str) -> BinaryIO:
    """Opens for writing; Beam is imported for remote paths only."""
    if not remote.is_remote(path):
        return open(path, "wb", buffering=1 << 20)
    system = remote.of(path)
    from apache_beam.io.filesystem import CompressionTypes

    plain = CompressionTypes.UNCOMPRESSED
    return cast(BinaryIO, system.create(path, compression_type=plain))


def make_directory(path: str) -> None:
    """Makes a directory and those above it; object stores have none to make."""
    if not remote.is_remote(path):
        os.makedirs(path, exist_ok=True)
        return
    if remote.is_object(path):
        return
    system = remote.of(path)
    try:
        system.mkdirs(path)
    except OSError:
        if not system.exists(path):  # else another worker was first
            raise


def rename(source: str, target: str) -> None:
    """Gives a file its final name, replacing one of that name."""
    if not remote.is_remote(source):
        os.replace(source, target)
        return
    remote.of(source).rename([source], [target])


def read_records(path: str) -> Iterator[bytes]:
    """Records of a file, checked; gzip by the suffix .gz."""
    with storage.open_read(path) as raw:
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw) if path[-3:] == ".gz" else raw)
        while head := file.read(12):
            yield _read_one(path, file, head)


def _read_one(path: str, file: BinaryIO, head: bytes) -> bytes:
    if len(head) < 12 or struct.unpack("<I", head[8:])[0] != masked_crc(head[:8]):
        raise TFRecordError(f"{path}: broken record header")
    (length,) = struct.unpack("<Q", head[:8])
    record, tail = file.read(length), file.read(4)
    if len(tail) < 4 or struct.unpack("<I", tail)[0] != masked_crc(record):
        raise TFRecordError(f"{path}: broken record of {length} bytes")
    return record
