"""Ingest as Beam transforms: an element is a shard's number in the plan.

Workers read their shard of the plan from staging, and the images it names; image bytes
cross no stage.
"""

import dataclasses
import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from components.example_gen.shards import tfrecord, workers
from components.example_gen.shards.plan_files import (
    classes_of_planned,
    keep_classes,
    planned_classes,
    write_planned,
)
from components.example_gen.shards.shard import SUMMARY, ShardJob, ShardResult
from components.example_gen.shards.staging import StagedFile, require_claimed
from components.example_gen.shards.tally import Tally
from schemas.label_map import LabelMap

NAMESPACE = "ingest"  # of the Beam counters


class _ShardDoFn(beam.DoFn):
    """Runs a function of a shard, here or in worker processes.

    With `processes` > 1 that many shards are under way at once; what a bundle still
    has running is emitted when it finishes.
    """

    def __init__(self, hands: workers.Hands) -> None:
        self._processes, self._threads = hands
        self._running: deque[Future[Any]] = deque()

    def start_bundle(self) -> None:
        self._running = deque()

    def _emit(self, function: Any, *arguments: Any) -> Iterator[Any]:
        if self._processes <= 1:
            yield self._done(function(*arguments))
            return
        pool = workers.shared_pool(self._processes)
        self._running.append(pool.submit(function, *arguments))
        if len(self._running) > 2 * self._processes:
            yield self._done(self._running.popleft().result())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        while self._running:
            value = self._done(self._running.popleft().result())
            yield WindowedValue(value, window.max_timestamp(), [window])

    def _done(self, value: Any) -> Any:
        return value


class _ScanClasses(_ShardDoFn):
    def __init__(self, hands: workers.Hands, job: ShardJob) -> None:
        super().__init__(hands)
        self._job = job

    def process(self, shard: int) -> Iterator[frozenset[str]]:
        yield from self._emit(classes_of_planned, shard, self._job)


class _WriteShard(_ShardDoFn):
    def __init__(self, hands: workers.Hands, job: ShardJob) -> None:
        super().__init__(hands)
        self._job = job
        self._label_map: LabelMap | None = None

    def process(self, shard: int) -> Iterator[ShardResult]:
        if self._label_map is None:
            self._label_map = LabelMap(planned_classes(self._job))
        arguments = self._label_map, self._job, self._threads
        yield from self._emit(write_planned, shard, *arguments)

    def _done(self, value: ShardResult) -> ShardResult:
        for counts in (value.tally.totals, value.tally.reasons):
            for name, count in counts.items():
                Metrics.counter(NAMESPACE, name).inc(count)
        return value


_Merged = tuple[Tally, list[tuple[int, StagedFile]]]


class _MergeTallies(beam.CombineFn):
    def create_accumulator(self) -> _Merged:
        return Tally(), []

    def add_input(self, accumulator: _Merged, result: ShardResult) -> _Merged:
        files = [(result.index, file) for file in result.files]
        accumulator[1].extend(files)
        return accumulator[0].merge(result.tally), accumulator[1]

    def merge_accumulators(self, accumulators: Iterable[_Merged]) -> _Merged:
        tally, files = Tally(), []
        for other, more in accumulators:
            tally = tally.merge(other)
            files += more
        return tally, files

    def extract_output(self, accumulator: _Merged) -> _Merged:
        return accumulator[0], sorted(accumulator[1])


@dataclasses.dataclass
class KeepClasses(beam.PTransform):
    """Shard numbers -> the same, once all class names are kept in `job.staging`."""

    shard_count: int
    job: ShardJob
    hands: workers.Hands

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Reads annotations only.

        The numbers come out of the step that keeps the names. Handed to the writers
        beside the numbers, the names would be one more branch of the job, which costs
        an engine three more steps.
        """
        return (
            shards
            | "ReadClassNames" >> beam.ParDo(_ScanClasses(self.hands, self.job))
            | "UniteClassNames" >> beam.CombineGlobally(_union).without_defaults()
            | "KeepClassNames" >> beam.FlatMap(_keep_sorted, self.job, self.shard_count)
            | "SpreadShards" >> beam.Reshuffle()
        )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _keep_sorted(
    names: frozenset[str], job: ShardJob, shard_count: int
) -> Iterable[int]:
    require_claimed(job.staging, job.run_id, job.config)
    keep_classes(job.staging, sorted(names))
    return range(shard_count)


@dataclasses.dataclass
class WriteShards(beam.PTransform):
    """Shard numbers -> ShardResult, one per shard.

    Each shard writes its own TFRecords below `job.staging`, where the classes are.
    """

    job: ShardJob
    hands: workers.Hands

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Counts and names of files flow on, nothing of an image."""
        return shards | "WriteShard" >> beam.ParDo(_WriteShard(self.hands, self.job))


def build(
    pipeline: beam.Pipeline, shard_count: int, job: ShardJob, hands: workers.Hands
) -> None:
    """Adds ingest to a pipeline; it leaves the classes and a summary in staging.

    With a label map in the config, `keep_classes` has kept that before.
    """
    elements = pipeline | "Shards" >> beam.Create(range(shard_count))
    if job.config.label_map is None:
        elements |= "ScanClasses" >> KeepClasses(shard_count, job, hands)
    _ = (
        elements
        | "WriteShards" >> WriteShards(job, hands)
        | "MergeTallies" >> beam.CombineGlobally(_MergeTallies()).without_defaults()
        | "WriteSummary" >> beam.Map(_write_summary, job)
    )


def _write_summary(merged: _Merged, job: ShardJob) -> None:
    require_claimed(job.staging, job.run_id, job.config)
    tally, files = merged
    summary = json.dumps({"tally": tally.to_dict(), "files": files})
    tfrecord.write_whole(f"{job.staging}/{SUMMARY}", summary.encode("ascii"))
