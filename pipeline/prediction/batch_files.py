"""The files of a batch: shards of one, each whole in itself, written by workers."""

from typing import Any

from apache_beam.coders import BytesCoder
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.io.filesystem import CompressionTypes

from components.example_gen.source import remote


class WholeShards(FileBasedSink):
    """Texts -> NAME-00000-of-00007.json and so on, a bundle's texts in one shard.

    Nothing is grouped first: what is found goes from the model to the file in one
    worker. A shard that was begun twice has two names until Beam keeps one.
    """

    def __init__(
        self, path: str, suffix: str, around: tuple[bytes, bytes, bytes], most: int
    ) -> None:
        """`around`: what stands before, between and after the texts; `most` a shard."""
        super().__init__(
            path,
            BytesCoder(),
            file_name_suffix=suffix,
            mime_type="text/plain",
            compression_type=CompressionTypes.UNCOMPRESSED,
            max_records_per_shard=most,
        )
        self._around = around

    def open(self, temp_path: str) -> "_Shard":
        """Begins a shard, which may stay empty."""
        if remote.is_remote(temp_path):
            remote.of(temp_path)  # brings what Beam's S3 lacks, in every worker
        return _Shard(super().open(temp_path), *self._around)

    def write_record(self, file_handle: "_Shard", value: bytes) -> None:
        """Adds a text; an empty one, of a picture in which nothing is, adds nothing."""
        if value:
            file_handle.write(value)


class _Shard:
    def __init__(self, file: Any, before: bytes, between: bytes, after: bytes) -> None:
        self._file, self._between, self._after = file, between, after
        self._next = b""
        self._file.write(before)

    def write(self, value: bytes) -> None:
        self._file.write(self._next)
        self._file.write(value)
        self._next = self._between

    def close(self) -> None:
        self._file.write(self._after)
        self._file.close()
