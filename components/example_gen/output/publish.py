"""From staging to the final names: shards, label map, rejects, report."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from components.example_gen.config import IngestConfig
from components.example_gen.output import directories as output
from components.example_gen.output import report_page as html_report
from components.example_gen.output.beyond_images import (
    box_findings,
    class_findings,
    near_copy_findings,
)
from components.example_gen.output.directories import OutputDirs
from components.example_gen.output.ingest_report import (
    Report,
    budget_problems,
    check_usable,
    make_report,
)
from components.example_gen.rules.class_names import ClassCounts
from components.example_gen.rules.near_copies import Seen
from components.example_gen.rules.rule import ERROR, KEEP, WARNING
from components.example_gen.shards import tfrecord
from components.example_gen.shards.attempt import (
    ANNOTATIONS,
    EXAMPLES,
    FINDINGS,
    MARKS,
)
from components.example_gen.shards.marks import read_marks
from components.example_gen.shards.plan_files import ShardPlan, find_items
from components.example_gen.shards.staging import (
    StagedFile,
    require_intact,
    require_listed,
)
from components.example_gen.shards.tally import Tally
from components.example_gen.shards.twins import TwinSearch
from components.example_gen.source import remote, storage
from components.example_gen.source.finding import Finding
from components.example_gen.source.spans import ResolvedData
from schemas.label_map import LABEL_MAP_FILENAME

_WARNINGS_SHOWN = 3  # of one reason
_REMOTE_AT_ONCE = 16  # requests to a store
_FILE_STEM = {EXAMPLES: "images", ANNOTATIONS: "annotations"}


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a pipeline run left in staging."""

    staging: str
    tally: Tally
    files: tuple[tuple[int, StagedFile], ...]  # (shard, file), in order of shards
    class_names: tuple[str, ...]

    def paths(self, kind: str) -> list[str]:
        """Where the files of a kind lie, in order of shards."""
        return [
            f"{self.staging}/{file.name}" for _, file in self.files if file.kind == kind
        ]

    def images(self) -> Iterator[Seen]:
        """Every image that was written, in order of shards."""
        for path in self.paths(MARKS):
            yield from read_marks(path)


def publish(
    data: ResolvedData,
    dirs: OutputDirs,
    config: IngestConfig,
    plan: ShardPlan,
    run: RunResult,
) -> Report:
    """Checks the sums, then gives everything its final name; the report comes last."""
    _check_intact(run)
    run = dataclasses.replace(run, tally=run.tally.in_order())
    twins = TwinSearch()
    noticed = [
        *plan.findings,
        *class_findings(ClassCounts(run.tally.classes, run.tally.images_of_class)),
        *box_findings(run.tally.totals),
        *near_copy_findings(twins.noted(run.images())),
    ]
    beyond_shards = [*noticed, *twins.findings(run.images)]
    report = make_report(
        run.tally,
        Counter(finding.reason for finding in beyond_shards),
        {**_details(data, plan, run), "warnings": _warnings(noticed)},
    )
    findings = _all_findings(run, beyond_shards)
    check_usable(report, run.tally, config, findings)
    problems = budget_problems(report, config)
    report.details["verdict"] = "; ".join(problems) or "within budget"
    _publish_shards(dirs, config, run)
    for directory in (dirs.examples, dirs.annotations):
        text = "".join(f"{name}\n" for name in run.class_names)
        output.write_text(f"{directory}/{LABEL_MAP_FILENAME}", text)
    samples = _publish_findings(dirs, run, beyond_shards)
    shown = find_items(run.staging, len(plan.shard_sizes), samples.image_ids())
    page = html_report.render(report, samples, shown)
    output.write_text(f"{dirs.report}/report.html", page)
    output.write_text(f"{dirs.report}/report.json", report.to_json())
    return report


def _details(data: ResolvedData, plan: ShardPlan, run: RunResult) -> dict[str, Any]:
    tally = run.tally
    return {
        "data": data.root,
        "span": data.span,
        "label_map": list(run.class_names),
        "split_source": plan.split_source,
        "objects_of_split": dict(tally.objects_of_split),
        "split_by_content": plan.split_by_content,
        "fractions": dict(plan.fractions),
        "carved_from": plan.carved_from or None,
        "flags": {
            name: tally.totals[name]
            for name in ("difficult", "truncated", "occluded", "parts")
        },
        "corners": plan.corners._asdict(),
        "likely_causes": dict(tally.causes),
        "images_doubtful": tally.totals["images_doubtful"],
        "objects_per_image": _by_number(tally.objects_per_image),
        "log2_area_rel": _by_number(tally.areas),
        "log2_aspect_ratio": _by_number(tally.aspects),
    }


def _warnings(findings: Sequence[Finding]) -> list[str]:
    """What is odd about the files as a whole, a line for the first of each reason."""
    shown: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if finding.severity == WARNING:
            home = f"{finding.split}/" if finding.split else finding.path
            name = f"{home}{finding.image_id}"
            shown[finding.reason].append(f"{finding.reason}: {name}: {finding.detail}")
    return [line for lines in shown.values() for line in _first(lines)]


def _first(lines: Sequence[str]) -> list[str]:
    left = len(lines) - _WARNINGS_SHOWN
    more = [f"{lines[0].partition(':')[0]}: and {left} more"] if left > 0 else []
    return [*lines[:_WARNINGS_SHOWN], *more]


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: float(item[0])))


def _check_intact(run: RunResult) -> None:
    """UserError unless every file of every shard is as its worker wrote it.

    Of a store it is what the store says of it; nothing is read back from there.
    """
    files = [file for _, file in run.files]
    if remote.is_remote(run.staging):
        require_listed(run.staging, files)
    if remote.is_object(run.staging):
        return  # S3's and Azure's uploads carry a checksum; a copy is the store's
    with ThreadPoolExecutor(_threads(run.staging)) as pool:
        for _ in pool.map(lambda file: require_intact(run.staging, file), files):
            pass


def _publish_shards(dirs: OutputDirs, config: IngestConfig, run: RunResult) -> None:
    """Staged shards -> Split-NAME/images-00000-of-00005, numbered without gaps."""
    suffix = ".gz" if config.gzip else ""
    targets = {EXAMPLES: dirs.examples, ANNOTATIONS: dirs.annotations}
    names: dict[str, list[StagedFile]] = defaultdict(list)
    for _, file in run.files:
        if file.kind in targets:
            names[f"{targets[file.kind]}/Split-{file.split}"].append(file)
    moves = []
    for directory, files in names.items():
        tfrecord.make_directory(directory)
        for number, file in enumerate(files):
            stem = f"{_FILE_STEM[file.kind]}-{number:05d}-of-{len(files):05d}"
            moves.append((f"{run.staging}/{file.name}", f"{directory}/{stem}{suffix}"))
    with ThreadPoolExecutor(_threads(run.staging)) as pool:
        for _ in pool.map(lambda move: tfrecord.rename(*move), moves):
            pass


def _threads(staging: str) -> int:
    """A rename in an object store is a copy, and reading waits for the network."""
    return _REMOTE_AT_ONCE if remote.is_remote(staging) else 2


def _publish_findings(
    dirs: OutputDirs, run: RunResult, beyond_shards: Sequence[Finding]
) -> html_report.Samples:
    """Sorts findings into rejects.jsonl and recorded.jsonl; picks some to be shown.

    Whatever lost or changed something is a reject line, and so are leaks; what was
    only noticed is in the other file.
    """
    samples = html_report.Samples()
    with (
        tfrecord.written_whole(f"{dirs.report}/rejects.jsonl") as reject_file,
        tfrecord.written_whole(f"{dirs.report}/recorded.jsonl") as recorded_file,
    ):
        for finding in _all_findings(run, beyond_shards):
            samples.offer(finding)
            noticed = finding.action == KEEP and finding.severity != ERROR
            line = f"{finding.to_json()}\n".encode("ascii")
            (recorded_file if noticed else reject_file).write(line)
    return samples


def _all_findings(
    run: RunResult, beyond_shards: Sequence[Finding]
) -> Iterator[Finding]:
    yield from beyond_shards
    for path in run.paths(FINDINGS):
        with storage.open_read(path) as file:
            for line in file.read().decode("ascii").splitlines():
                yield Finding.from_json(line)
