"""A run on this machine alone: the shards of a plan through worker processes.

`transforms` does the same on whatever Beam runs on. Importing Beam takes as long as
ingesting a thousand images: where nobody asks for it, it is left out.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from components.example_gen.output.publish import RunResult
from components.example_gen.shards import workers
from components.example_gen.shards.plan_files import classes_of_planned, write_planned
from components.example_gen.shards.shard import ShardJob
from components.example_gen.shards.staging import StagedFile
from components.example_gen.shards.tally import Tally
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
    arguments = LabelMap(class_names), job, hands.threads
    for result in _each(write_planned, shard_count, hands.processes, *arguments):
        tally = tally.merge(result.tally)
        files += [(result.index, file) for file in result.files]
    return RunResult(
        staging=job.staging,
        tally=tally,
        files=tuple(sorted(files)),
        class_names=class_names,
    )


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
