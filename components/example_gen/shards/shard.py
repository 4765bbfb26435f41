"""One shard: a list of items read, judged and written; only counts come back."""

import dataclasses
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import (
    Examined,
    class_names_of,
    examine_all,
)
from components.example_gen.plan.content_splits import Fractions, split_of
from components.example_gen.rules.near_copies import Seen
from components.example_gen.shards.attempt import (
    Attempt,
    keep_result,
    kept_result,
)
from components.example_gen.shards.staging import StagedFile, require_claimed
from components.example_gen.shards.tally import Tally
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item
from schemas.label_map import LabelMap

_BATCH = 16, 1 << 22  # images that are examined together, and their bytes
SUMMARY = "summary.json"  # what a run leaves in staging beside its shards


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """What every shard of a run shares."""

    staging: str  # folder that `staging.make` made and `staging.claim` marked
    run_id: str
    config: IngestConfig
    fractions: Fractions
    forced: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What a shard hands on: counts and files."""

    index: int
    tally: Tally
    files: tuple[StagedFile, ...]  # of the attempt that counts


def make_shards(
    items: Sequence[Item], config: IngestConfig
) -> list[tuple[int, tuple[Item, ...]]]:
    """Items -> numbered shards. Neither listing order nor worker count matters.

    Order within a split follows a hash of the id: ids often sort by class or by day,
    and training shuffles only so far. A shard has as many images and as many bytes of
    them as the config allows, by the sizes that the listing told.
    """

    def position(item: Item) -> tuple[str, bytes, str]:
        identity = item.image_id.encode("utf-8", "surrogateescape")
        return item.split, hashlib.sha1(identity).digest(), item.image_id

    by_split: dict[str, list[Item]] = {}
    for item in sorted(items, key=position):
        by_split.setdefault(item.split, []).append(item)
    limits = config.images_per_shard, config.max_shard_bytes
    chunks = (run for group in by_split.values() for run in _runs(group, *limits))
    return list(enumerate(chunks))


def _runs(
    items: Sequence[Item], most: int, most_bytes: int
) -> Iterator[tuple[Item, ...]]:
    """Items in their order, each time as many as both limits allow; one at least."""
    start, size = 0, 0
    for end, item in enumerate(items):
        image_bytes = item.image.size if item.image else 0
        if end > start and (end - start == most or size + image_bytes > most_bytes):
            yield tuple(items[start:end])
            start, size = end, 0
        size += image_bytes
    if items:
        yield tuple(items[start:])


def write_shard(
    index: int,
    items: Sequence[Item],
    label_map: LabelMap,
    job: ShardJob,
    threads: int = 1,
) -> ShardResult:
    """Reads, judges and writes one shard, `threads` images at a time.

    What an earlier attempt of the same run finished is returned as it is.

    Raises:
      StagingGoneError: the run that this is for is over.
    """
    kept = kept_result(job.staging, index, label_map)
    if kept is not None:
        return ShardResult(index, *kept)
    try:
        result = _attempt(index, items, label_map, job, threads)
    except FileNotFoundError:  # its folder was cleared away meanwhile, or a defect
        require_claimed(job.staging, job.run_id, job.config)
        raise
    require_claimed(job.staging, job.run_id, job.config)
    keep_result(job.staging, index, label_map, result.tally, result.files)
    return result


def _attempt(
    index: int, items: Sequence[Item], label_map: LabelMap, job: ShardJob, threads: int
) -> ShardResult:
    tally, lines = Tally(), []
    seen: list[Seen] = []
    known = frozenset(label_map.names)
    forced = dict(job.forced)
    with ExitStack() as stack:
        attempt = Attempt(job.staging, index, stack, job.config.gzip)
        for examined in _examine_all(items, known, job.config, threads):
            split, example = examined.item.split, examined.example
            if example is not None:
                sha256, image_id = example.sha256, examined.item.image_id
                split = split or split_of(sha256, job.fractions, forced)
                attempt.write(example, split, label_map)
                seen.append(Seen(split, image_id, sha256, examined.mark))
            tally.add(examined, split)
            lines += [_to_line(finding, split) for finding in examined.findings]
    return ShardResult(index, tally, attempt.finish(lines, seen))


def _to_line(finding: Finding, split: str) -> str:
    return finding._replace(split=finding.split or split).to_json() + "\n"


def _examine_all(
    items: Sequence[Item], known: frozenset[str], config: IngestConfig, threads: int
) -> Iterator[Examined]:
    """Results in the order of items; only a few images are in memory at a time."""
    if threads <= 1:
        for batch in _runs(items, *_BATCH):
            yield from examine_all(batch, known, config)
        return
    running: deque[Future[list[Examined]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for batch in _runs(items, *_BATCH):
            running.append(pool.submit(examine_all, batch, known, config))
            if len(running) > 2 * threads:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()


def classes_of_shard(items: Sequence[Item], config: IngestConfig) -> frozenset[str]:
    """Class names in the annotations of a shard."""
    return frozenset().union(*(class_names_of(item, config) for item in items))
