"""One attempt at a shard: files under names of its own, and the result that counts."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from contextlib import ExitStack

from components.example_gen.rules.near_copies import Seen
from components.example_gen.shards import tfrecord
from components.example_gen.shards.marks import marks_to_bytes
from components.example_gen.shards.staging import StagedFile, write_file
from components.example_gen.shards.tally import Tally
from components.example_gen.source import storage
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_both

EXAMPLES, ANNOTATIONS = "examples", "annotations"
FINDINGS, MARKS = "findings", "marks"


class Attempt:
    """The files of one attempt; none is renamed, so that no other can be in its way."""

    def __init__(self, staging: str, index: int, stack: ExitStack, gzip: bool) -> None:
        self._staging = staging
        self._prefix = f"shards/{index:05d}.{secrets.token_hex(4)}"
        self._stack = stack
        self._gzip = gzip
        self._writers: dict[tuple[str, str], tfrecord.TFRecordWriter] = {}

    def _name(self, kind: str, split: str) -> str:
        return f"{self._prefix}.{kind}.{split}"

    def _writer(self, kind: str, split: str) -> tfrecord.TFRecordWriter:
        key = kind, split
        if key not in self._writers:
            path = f"{self._staging}/{self._name(kind, split)}"
            writer = tfrecord.TFRecordWriter(path, compress=self._gzip)
            self._writers[key] = self._stack.enter_context(writer)
        return self._writers[key]

    def write(self, example: DetectionExample, split: str, label_map: LabelMap) -> None:
        """Adds an example, with and without its image."""
        with_image, without = encode_both(example, label_map)
        self._writer(EXAMPLES, split).write(with_image)
        self._writer(ANNOTATIONS, split).write(without)

    def finish(
        self, findings: Sequence[str], seen: Sequence[Seen]
    ) -> tuple[StagedFile, ...]:
        """All files of the attempt, once the stack has closed those of records."""
        files = [
            StagedFile(
                kind,
                split,
                self._name(kind, split),
                writer.records,
                writer.size,
                writer.crc,
            )
            for (kind, split), writer in sorted(self._writers.items())
        ]
        lines = "".join(findings).encode("ascii")
        for kind, content in ((FINDINGS, lines), (MARKS, marks_to_bytes(seen))):
            name = f"{self._prefix}.{kind}.jsonl"
            files.append(write_file(self._staging, kind, name, content))
        return tuple(files)


def keep_result(
    staging: str,
    index: int,
    label_map: LabelMap,
    tally: Tally,
    files: Sequence[StagedFile],
) -> None:
    """Says that a shard is done: the last that an attempt writes."""
    result = {"labels": _digest(label_map), "tally": tally.to_dict(), "files": files}
    tfrecord.write_whole(_path(staging, index), json.dumps(result).encode("ascii"))


def kept_result(
    staging: str, index: int, label_map: LabelMap
) -> tuple[Tally, tuple[StagedFile, ...]] | None:
    """What an earlier attempt has finished, if its files are there in their sizes."""
    path = _path(staging, index)
    if not storage.exists(path):
        return None
    with storage.open_read(path) as file:
        result = json.loads(file.read())
    files = tuple(StagedFile(*values) for values in result["files"])
    whole = all(storage.size(f"{staging}/{file.name}") == file.size for file in files)
    if not whole or result["labels"] != _digest(label_map):
        return None
    return Tally.from_dict(result["tally"]), files


def _digest(label_map: LabelMap) -> str:
    return hashlib.sha256(json.dumps(label_map.names).encode("ascii")).hexdigest()


def _path(staging: str, index: int) -> str:
    return f"{staging}/results/{index:05d}.json"
