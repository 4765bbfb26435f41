"""Several spans' examples as one set: each image once, classes by name. Plain Python.

The newest span has the last word on an image that several hold, by its content: on its
boxes and on its split. So no image is in two splits, and a corrected annotation wins.
"""

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from components.example_gen.shards.tfrecord import (
    TFRecordWriter,
    make_directory,
    open_write,
    read_records,
)
from components.example_gen.source import storage
from schemas import tf_example
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap

_SHARD = re.compile(r"span-(\d+)-")


@dataclasses.dataclass(frozen=True)
class SpanExamples:
    """What ingest made of one span: folders of Split-* and a label map."""

    span: int
    examples: str
    annotations: str


@dataclasses.dataclass(frozen=True)
class Merged:
    """What became of the spans: images by split, and how many a newer span had too."""

    images: dict[str, int]
    superseded: int


def merge(
    spans: Sequence[SpanExamples], examples_path: str, annotations_path: str
) -> Merged:
    """Writes the examples, and the same without image bytes, of all spans.

    An image_id gets its span in front, `7/000001`: two spans may use the same names.
    Classes are those of the label maps together.
    """
    newest_first = sorted(spans, key=lambda one: one.span, reverse=True)
    label_map = joint_label_map([_label_map(one.examples) for one in newest_first])
    images: Counter[str] = Counter()
    superseded, seen = 0, set[str]()
    for one in newest_first:
        own = {tf_example.image_digest(r) for _, r in _records(one.annotations)}
        gone = frozenset(own & seen)
        seen |= own
        superseded += len(gone)
        images += _copy(one.examples, examples_path, one.span, gone, label_map)
        _copy(one.annotations, annotations_path, one.span, gone, label_map)
    for folder in (examples_path, annotations_path):
        with open_write(f"{folder}/{LABEL_MAP_FILENAME}") as file:
            file.write(label_map.to_text().encode())
    return Merged(dict(sorted(images.items())), superseded)


def joint_label_map(label_maps: Sequence[LabelMap]) -> LabelMap:
    """The one that all are, or the names of all in alphabetical order."""
    if all(one == label_maps[0] for one in label_maps):
        return label_maps[0]
    return LabelMap.from_names(name for one in label_maps for name in one.names)


def spans_in(folder: str) -> set[str]:
    """The spans of which `merge` wrote this folder of Split-*; none if it did not."""
    names = [path.rpartition("/")[2] for _, path in _shards(folder)]
    found = [_SHARD.match(name) for name in names]
    return {one[1] for one in found if one} if all(found) else set()


def _label_map(folder: str) -> LabelMap:
    return LabelMap.from_file(f"{folder}/{LABEL_MAP_FILENAME}")


def _shards(folder: str) -> list[tuple[str, str]]:
    """Split and path of each shard, in order."""
    return [
        (entry.name.split("/")[0].removeprefix("Split-"), entry.path)
        for entry in storage.list_files(folder)
        if entry.name.startswith("Split-")
    ]


def _records(folder: str) -> Iterator[tuple[str, bytes]]:
    for split, path in _shards(folder):
        for record in read_records(path):
            yield split, record


def _copy(
    source: str, target: str, span: int, gone: frozenset[str], label_map: LabelMap
) -> Counter[str]:
    """Copies the shards of a span but for some images; returns images by split."""
    images: Counter[str] = Counter()
    for split, path in _shards(source):
        kept = (
            tf_example.moved(record, f"{span}/", label_map)
            for record in read_records(path)
            if not gone or tf_example.image_digest(record) not in gone
        )
        first = next(kept, None)
        if first is None:
            continue
        make_directory(f"{target}/Split-{split}")
        name = f"span-{span}-{path.rpartition('/')[2]}"
        compress = name.endswith(".gz")
        with TFRecordWriter(
            f"{target}/Split-{split}/{name}", compress=compress
        ) as sink:
            for record in itertools.chain([first], kept):
                sink.write(record)
        images[split] += sink.records
    return images
