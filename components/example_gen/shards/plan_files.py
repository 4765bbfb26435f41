"""The plan of a run, on disk: workers read their shard of it, the driver its sums."""

import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Sequence

from components.example_gen.config import IngestConfig
from components.example_gen.plan import replay
from components.example_gen.plan.content_splits import Fractions
from components.example_gen.plan.corners import decided
from components.example_gen.plan.plan import make_plan
from components.example_gen.plan.trainable_splits import assign_splits
from components.example_gen.shards import tfrecord
from components.example_gen.shards.shard import (
    ShardJob,
    ShardResult,
    classes_of_shard,
    make_shards,
    write_shard,
)
from components.example_gen.shards.staging import make as make_staging
from components.example_gen.shards.staging import require_claimed
from components.example_gen.source import storage
from components.example_gen.source.corners import Corners
from components.example_gen.source.file_kinds import foreign_annotations
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item, Plan
from schemas.label_map import LabelMap
from schemas.user_error import UserError

_CLASSES = "classes.json"


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """What the driver keeps of a plan: everything but the images."""

    shard_sizes: tuple[int, ...]  # images in each shard
    findings: tuple[Finding, ...]  # about the listing, not about one image's content
    split_by_content: bool  # of some images at least
    fractions: Fractions
    forced: tuple[tuple[str, str], ...]
    carved_from: str
    split_source: str  # where the splits come from, in one line
    corners: Corners

    @property
    def images(self) -> int:
        """Images in all shards."""
        return sum(self.shard_sizes)


def write_plan(
    root: str,
    config: IngestConfig,
    staging: str,
    replay_path: str,
    listed: Callable[[int], None] = lambda files: None,
) -> ShardPlan:
    """Lists a data set and writes one file of items per shard below `staging`.

    `listed` is told how many files there are, before the longer part of the work.

    Raises:
      UserError: the data cannot be read or hold nothing to ingest, or the replay
        names nothing that is there.
    """
    entries = _list(root)
    listed(len(entries))
    read = functools.partial(storage.read_bytes, max_bytes=config.max_file_bytes)
    plan = make_plan(
        entries,
        read,
        follow_symlinks=config.follow_symlinks,
        unannotated=config.unannotated,
    )
    _check_found(root, plan, lambda: foreign_annotations(entries, read))
    entries = []  # a million would stay through all that follows
    config, corners = decided(plan.items, config)
    assignment = assign_splits(plan, config)
    items = assignment.items
    if replay_path:
        items = replay.only_rejected(items, replay_path)
    chunks = make_shards(items, config)
    make_staging(staging)
    for index, chunk in chunks:
        lines = "".join(f"{json.dumps(item)}\n" for item in chunk)
        with tfrecord.open_write(_path(staging, index)) as file:
            file.write(lines.encode("ascii"))
    return ShardPlan(
        shard_sizes=tuple(len(chunk) for _, chunk in chunks),
        findings=plan.findings,
        split_by_content=any(not item.split for item in items),
        fractions=assignment.fractions,
        forced=assignment.forced,
        carved_from=assignment.carved_from,
        split_source=assignment.source,
        corners=corners,
    )


def read_shard(staging: str, index: int) -> tuple[Item, ...]:
    """The items of one shard of a plan."""
    with storage.open_read(_path(staging, index)) as file:
        return tuple(map(Item.from_json, file.read().splitlines()))


def classes_of_planned(index: int, job: ShardJob) -> frozenset[str]:
    """`classes_of_shard` of a shard of the plan."""
    require_claimed(job.staging, job.run_id, job.config)
    return classes_of_shard(read_shard(job.staging, index), job.config)


def write_planned(
    index: int, label_map: LabelMap, job: ShardJob, threads: int = 1
) -> ShardResult:
    """`write_shard` of a shard of the plan."""
    require_claimed(job.staging, job.run_id, job.config)
    return write_shard(index, read_shard(job.staging, index), label_map, job, threads)


def keep_classes(staging: str, class_names: Sequence[str]) -> None:
    """Writes the classes of a run, in id order, for the workers of an engine.

    The first attempt's count: shards may be under way by the time of another.
    """
    path = f"{staging}/{_CLASSES}"
    if not storage.exists(path):
        tfrecord.write_whole(path, json.dumps(class_names).encode("ascii"))


def kept_classes(staging: str) -> tuple[str, ...]:
    """The classes that `keep_classes` wrote."""
    with storage.open_read(f"{staging}/{_CLASSES}") as file:
        return tuple(json.loads(file.read()))


def planned_classes(job: ShardJob) -> tuple[str, ...]:
    """The classes of a run; StagingGoneError where it is over."""
    try:
        return kept_classes(job.staging)
    except OSError:  # its folder was cleared away meanwhile, or a defect
        require_claimed(job.staging, job.run_id, job.config)
        raise


def find_items(
    staging: str, shard_count: int, image_ids: Collection[str]
) -> dict[str, Item]:
    """Image id -> item, of those wanted that are in the plan."""
    found: dict[str, Item] = {}
    for index in range(shard_count if image_ids else 0):
        shard = read_shard(staging, index)
        found |= {item.image_id: item for item in shard if item.image_id in image_ids}
        if len(found) == len(image_ids):
            break
    return found


def _path(staging: str, index: int) -> str:
    return f"{staging}/plan/{index:05d}.jsonl"


def _list(root: str) -> Sequence[storage.Entry]:
    try:
        return storage.list_files(root, times=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{root} cannot be read: {reason}") from error


def _check_found(root: str, plan: Plan, instead: Callable[[], str]) -> None:
    """UserError unless there are both annotations and images to pair up.

    `instead` says what other annotations there are, "" where it knows of none.
    """
    lacking = [
        what
        for what, files in (
            ("annotations (.xml)", [item.annotation for item in plan.items]),
            ("images", [item.image for item in plan.items]),
        )
        if not any(files)
    ]
    if not lacking:
        return
    what = f"{root} holds no {' and no '.join(lacking)}"
    other = instead() if lacking[0] != "images" else ""
    if other:
        raise UserError(
            f"{what}: {other}; convert them to Pascal VOC (FiftyOne, datumaro, CVAT "
            "and Label Studio write it)"
        )
    raise UserError(
        f"{what}; name the directory that holds Annotations and JPEGImages, or XML "
        "beside images"
    )
