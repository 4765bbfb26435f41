"""Ingest as Beam transforms: an element is a shard's number in the plan.

Workers read their shard of the plan from staging, and the images it names; image bytes
cross no stage.
"""

import dataclasses
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsSingleton
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from components.example_gen.shards import tfrecord, workers
from components.example_gen.shards.plan_files import classes_of_planned, write_planned
from components.example_gen.shards.shard import (
    LABELS,
    SUMMARY,
    TWINS,
    ShardJob,
    ShardResult,
)
from components.example_gen.shards.staging import StagedFile
from components.example_gen.shards.tally import Tally
from components.example_gen.shards.twins import judge_twins
from components.example_gen.source.finding import Finding
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

    def process(
        self, shard: int, class_names: tuple[str, ...]
    ) -> Iterator[ShardResult]:
        label_map = LabelMap(class_names)
        yield from self._emit(write_planned, shard, label_map, self._job, self._threads)

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


# Content hash, split, image id: as bytes, since Beam's text coder refuses ids from file
# names that are no UTF-8.
_Owner = tuple[bytes, str, bytes]


def _owners_by_hash(result: ShardResult) -> Iterable[tuple[str, list[_Owner]]]:
    """A shard's images by the first byte of their hashes.

    An engine pays for each key that it groups by, and for each element: 256 keys, not
    one a picture.
    """
    owners = defaultdict[str, list[_Owner]](list)
    for sha256, split, image_id in result.hashes:
        name = image_id.encode("utf-8", "surrogateescape")
        owners[sha256[:2]].append((bytes.fromhex(sha256), split, name))
    return owners.items()


def _judge_twins(_: str, parts: Iterable[list[_Owner]]) -> Iterator[Finding]:
    owners = defaultdict[bytes, list[tuple[str, str]]](list)
    for part in parts:
        for sha256, split, image_id in part:
            name = image_id.decode("utf-8", "surrogateescape")
            owners[sha256].append((split, name))
    for alike in owners.values():
        yield from judge_twins(alike)


def _count_finding(finding: Finding) -> Finding:
    Metrics.counter(NAMESPACE, finding.reason).inc()
    return finding


@dataclasses.dataclass
class ScanClasses(beam.PTransform):
    """Shard numbers -> one tuple of all class names, in alphabetical order."""

    job: ShardJob
    hands: workers.Hands

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Reads annotations only."""
        return (
            shards
            | "ReadClassNames" >> beam.ParDo(_ScanClasses(self.hands, self.job))
            | "UniteClassNames" >> beam.CombineGlobally(_union).without_defaults()
            | "SortClassNames" >> beam.Map(lambda names: tuple(sorted(names)))
        )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


@dataclasses.dataclass
class WriteShards(beam.PTransform):
    """Shard numbers -> {"results": ShardResult, one per shard; "twins": Finding}.

    Each shard writes its own TFRecords below `job.staging`. `class_names` holds one
    tuple, the classes in id order.
    """

    class_names: beam.PCollection
    job: ShardJob
    hands: workers.Hands

    def expand(self, shards: beam.PCollection) -> Any:
        """Beside counts and findings only content hashes flow on."""
        results = shards | "WriteShard" >> beam.ParDo(
            _WriteShard(self.hands, self.job), AsSingleton(self.class_names)
        )
        twins = (
            results
            | "OwnersByHash" >> beam.FlatMap(_owners_by_hash)
            | "GroupByHash" >> beam.GroupByKey()
            | "JudgeTwins" >> beam.FlatMapTuple(_judge_twins)
            | "CountTwins" >> beam.Map(_count_finding)
        )
        return {"results": results, "twins": twins}


def build(
    pipeline: beam.Pipeline,
    shard_count: int,
    job: ShardJob,
    class_names: tuple[str, ...] | None,
    hands: workers.Hands,
) -> None:
    """Adds ingest to a pipeline; it leaves summary, twins and classes in staging."""
    elements = pipeline | "Shards" >> beam.Create(range(shard_count))
    if class_names is None:
        names = elements | "ScanClasses" >> ScanClasses(job, hands)
    else:
        names = pipeline | "ClassNames" >> beam.Create([class_names])
    outputs = elements | "WriteShards" >> WriteShards(names, job, hands)
    _write_lines(
        names
        | "ClassLines" >> beam.Map(lambda found: "".join(f"{n}\n" for n in found)),
        f"{job.staging}/{LABELS}",
        "WriteLabelMap",
    )
    summary = (
        outputs["results"]
        | "MergeTallies" >> beam.CombineGlobally(_MergeTallies()).without_defaults()
        | "SummaryToJson" >> beam.MapTuple(_summary_json)
    )
    _write_lines(summary, f"{job.staging}/{SUMMARY}", "WriteSummary")
    twins = (
        outputs["twins"]
        | "TwinsToJson" >> beam.Map(lambda finding: finding.to_json())
        | "UniteTwins" >> beam.CombineGlobally(_SortLines())
    )
    _write_lines(twins, f"{job.staging}/{TWINS}", "WriteTwins")


def _summary_json(tally: Tally, files: list[tuple[int, StagedFile]]) -> str:
    return json.dumps({"tally": tally.to_dict(), "files": files})


class _SortLines(beam.CombineFn):
    """Lines -> one text of all of them, sorted."""

    def create_accumulator(self) -> list[str]:
        return []

    def add_input(self, accumulator: list[str], line: str) -> list[str]:
        accumulator.append(line)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[str]]) -> list[str]:
        return [line for lines in accumulators for line in lines]

    def extract_output(self, accumulator: list[str]) -> str:
        return "".join(f"{line}\n" for line in sorted(accumulator))


def _write_lines(texts: beam.PCollection, path: str, label: str) -> None:
    texts | label >> beam.Map(_write_text, path)


def _write_text(text: str, path: str) -> None:
    tfrecord.write_whole(path, text.encode("utf-8"))
