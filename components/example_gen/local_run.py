"""A run on this machine alone: the shards of a plan through worker processes.

`transforms` does the same on whatever Beam runs on. Importing Beam takes as long as
ingesting a thousand images: where nobody asks for it, it is left out.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np

from components.example_gen.output.publish import RunResult
from components.example_gen.shards import workers
from components.example_gen.shards.attempt import MARKS
from components.example_gen.shards.marks import read_marks
from components.example_gen.shards.plan_files import classes_of_planned, write_planned
from components.example_gen.shards.shard import ShardJob
from components.example_gen.shards.staging import StagedFile
from components.example_gen.shards.tally import Tally
from components.example_gen.shards.twins import judge_twins
from components.example_gen.source.finding import Finding
from schemas.label_map import LabelMap


def run_shards(
    shard_count: int,
    job: ShardJob,
    class_names: tuple[str, ...] | None,
    hands: workers.Hands,
) -> RunResult:
    """Writes all shards; without `class_names` the classes are those of the data."""
    if class_names is None:
        found = _each(classes_of_planned, shard_count, hands.processes, job)
        class_names = tuple(sorted(frozenset().union(*found)))
    tally, files = Tally(), list[tuple[int, StagedFile]]()
    heads = array("Q")  # 8 bytes of each content hash
    arguments = LabelMap(class_names), job, hands.threads
    for result in _each(write_planned, shard_count, hands.processes, *arguments):
        tally = tally.merge(result.tally)
        files += [(result.index, file) for file in result.files]
        heads.extend(_head(sha256) for sha256, _, _ in result.hashes)
    marks = (file.name for _, file in sorted(files) if file.kind == MARKS)
    twins = _twins(heads, (f"{job.staging}/{name}" for name in marks))
    return RunResult(
        staging=job.staging,
        tally=tally,
        files=tuple(sorted(files)),
        twins=tuple(sorted(twins, key=lambda finding: finding.to_json())),
        class_names=class_names,
    )


def _head(sha256: str) -> int:
    return int(sha256[:16], 16)


def _twins(heads: "array[int]", marks: Iterable[str]) -> list[Finding]:
    """Findings about equal contents; only images of repeated hashes are held."""
    ordered = np.sort(np.frombuffer(heads, np.uint64))
    repeated = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in marks if repeated else ():
        for image in read_marks(path):
            if _head(image.sha256) in repeated:
                owners[image.sha256].append((image.split, image.image_id))
    return [finding for alike in owners.values() for finding in judge_twins(alike)]


def _each(
    function: Callable[..., Any], shard_count: int, processes: int, *arguments: Any
) -> Iterator[Any]:
    """`function(shard, *arguments)` of every shard, in order."""
    if processes <= 1:
        yield from (function(shard, *arguments) for shard in range(shard_count))
        return
    pool = workers.shared_pool(processes)
    running: deque[Future[Any]] = deque(
        pool.submit(function, shard, *arguments) for shard in range(shard_count)
    )
    while running:
        yield running.popleft().result()
