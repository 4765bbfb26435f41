"""One shard: a list of items read, judged and written; only counts come back."""

import dataclasses
import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import Examined, class_names_of, examine
from components.example_gen.plan.content_splits import Fractions, split_of
from components.example_gen.rules.near_copies import Seen
from components.example_gen.shards import marks, tfrecord
from components.example_gen.shards.tally import Tally
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_both

EXAMPLES, ANNOTATIONS = "examples", "annotations"
# What a run leaves in staging beside its shards.
SUMMARY, TWINS, LABELS = "summary.json", "twins.jsonl", "label_map.txt"


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """What every shard of a run shares."""

    staging: str  # directory; examples/, annotations/ and findings/ are made in it
    config: IngestConfig
    fractions: Fractions
    forced: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What a shard hands on: counts, written records per split, content hashes."""

    index: int
    tally: Tally
    records: tuple[tuple[str, int], ...]  # (split, records written), never 0
    hashes: tuple[tuple[str, str, str], ...]  # (sha256, split, image id)


def make_shards(
    items: Sequence[Item], images_per_shard: int
) -> list[tuple[int, tuple[Item, ...]]]:
    """Items -> numbered shards. Neither listing order nor worker count matters.

    Order within a split follows a hash of the id: ids often sort by class or by day,
    and training shuffles only so far.
    """

    def position(item: Item) -> tuple[str, bytes, str]:
        identity = item.image_id.encode("utf-8", "surrogateescape")
        return item.split, hashlib.sha1(identity).digest(), item.image_id

    by_split: dict[str, list[Item]] = {}
    for item in sorted(items, key=position):
        by_split.setdefault(item.split, []).append(item)
    chunks = [
        tuple(group[start : start + images_per_shard])
        for group in by_split.values()
        for start in range(0, len(group), images_per_shard)
    ]
    return list(enumerate(chunks))


def staged_name(kind: str, split: str, index: int) -> str:
    """Path of a staged shard file below the staging directory."""
    return f"{kind}/{split}/{index:05d}"


class _ShardFiles:
    """The open files of one shard; they get their names together, when whole."""

    def __init__(self, job: ShardJob, index: int, stack: ExitStack) -> None:
        self._job = job
        self._index = index
        self._stack = stack
        self._writers: dict[tuple[str, str], tfrecord.TFRecordWriter] = {}

    def _writer(self, kind: str, split: str) -> tfrecord.TFRecordWriter:
        key = kind, split
        if key not in self._writers:
            path = f"{self._job.staging}/{staged_name(kind, split, self._index)}"
            tfrecord.make_directory(os.path.dirname(path))
            writer = tfrecord.TFRecordWriter(path, compress=self._job.config.gzip)
            self._writers[key] = self._stack.enter_context(writer)
        return self._writers[key]

    def write(self, example: DetectionExample, split: str, label_map: LabelMap) -> None:
        with_image, without = encode_both(example, label_map)
        self._writer(EXAMPLES, split).write(with_image)
        self._writer(ANNOTATIONS, split).write(without)

    def records(self) -> tuple[tuple[str, int], ...]:
        return tuple(
            sorted(
                (split, writer.records)
                for (kind, split), writer in self._writers.items()
                if kind == EXAMPLES
            )
        )


def write_shard(
    index: int,
    items: Sequence[Item],
    label_map: LabelMap,
    job: ShardJob,
    threads: int = 1,
) -> ShardResult:
    """Reads, judges and writes one shard, `threads` images at a time."""
    tally, hashes, lines = Tally(), [], []
    seen: list[Seen] = []
    known = frozenset(label_map.names)
    forced = dict(job.forced)
    with ExitStack() as stack:
        files = _ShardFiles(job, index, stack)
        for examined in _examine_all(items, known, job.config, threads):
            split = examined.item.split
            if examined.example is not None:
                sha256 = examined.example.sha256
                split = split or split_of(sha256, job.fractions, forced)
                files.write(examined.example, split, label_map)
                hashes.append((sha256, split, examined.item.image_id))
                seen.append(Seen(split, hashes[-1][2], sha256, examined.mark))
            tally.add(examined, split)
            lines += [_to_line(finding, split) for finding in examined.findings]
    _write_findings(f"{job.staging}/findings/{index:05d}.jsonl", lines)
    marks.write_marks(job.staging, index, seen)
    return ShardResult(index, tally, files.records(), tuple(hashes))


def _to_line(finding: Finding, split: str) -> str:
    return finding._replace(split=finding.split or split).to_json() + "\n"


def _write_findings(path: str, lines: Sequence[str]) -> None:
    tfrecord.make_directory(os.path.dirname(path))
    with tfrecord.open_write(f"{path}.partial") as file:
        file.write("".join(lines).encode("ascii"))
    tfrecord.rename(f"{path}.partial", path)


def _examine_all(
    items: Sequence[Item], known: frozenset[str], config: IngestConfig, threads: int
) -> Iterator[Examined]:
    """Results in the order of items; only a few images are in memory at a time."""
    if threads <= 1:
        for item in items:
            yield examine(item, known, config)
        return
    running: deque[Future[Examined]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            running.append(pool.submit(examine, item, known, config))
            if len(running) > 2 * threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def classes_of_shard(items: Sequence[Item], config: IngestConfig) -> frozenset[str]:
    """Class names in the annotations of a shard."""
    return frozenset().union(*(class_names_of(item, config) for item in items))
