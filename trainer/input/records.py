"""TFRecord shards: which there are, what they hold, and reading them."""

import concurrent.futures
import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas import tf_example
from schemas.user_error import UserError

IMAGE_DIGITS = 16  # of a SHA-256: no two images of a data set have them alike


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """One pass over the shards.

    lengths [N] encoded bytes, object_counts [N], hashes [N] of the encoded contents;
    images [N] the start of the SHA-256 of each image file, b"" where it is not known;
    objects [O, 3] of all records: root of the box's area, width and height of its
    image, px.
    """

    files: tuple[str, ...]
    lengths: npt.NDArray[np.int64]
    object_counts: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.int64]
    images: npt.NDArray[np.bytes_]
    objects: npt.NDArray[np.float32]

    @property
    def num_examples(self) -> int:
        """N."""
        return len(self.lengths)

    def digest(self) -> str:
        """Of what the records hold, in their order; not of the files' names."""
        return hashlib.sha256(self.hashes.astype("<i8").tobytes()).hexdigest()

    def sides_px(self, frame: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Root of each object's area [O], px of a letterboxed (height, width) frame."""
        side, width, height = self.objects.T
        return side * np.minimum(frame[0] / height, frame[1] / width)

    def examples_within(self, budget_bytes: int) -> int:
        """How many records fit in a budget whichever they are; at least one."""
        largest_first = np.sort(self.lengths)[::-1]
        fitting = np.searchsorted(np.cumsum(largest_first), budget_bytes, side="right")
        return max(1, int(fitting))


def find_files(file_patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Files that the patterns match, sorted; UserError if there are none."""
    patterns = [file_patterns] if isinstance(file_patterns, str) else file_patterns
    files = sorted({name for pattern in patterns for name in tf.io.gfile.glob(pattern)})
    if not files:
        raise UserError(
            f"no TFRecord files match {', '.join(patterns) or 'an empty pattern'}: "
            "check the path, or run the ingest stage first"
        )
    return tuple(files)


def index_records(file_patterns: str | Sequence[str]) -> RecordIndex:
    """Reads every record once, without decoding images; unreadable -> UserError."""
    return _index_files(find_files(file_patterns))


def read_records(
    files: tf.Tensor | Sequence[str], parallel_files: int
) -> tf.data.Dataset:
    """Serialized examples; shards are interleaved in an order that repeats."""
    names = tf.data.Dataset.from_tensor_slices(tf.convert_to_tensor(files))
    if parallel_files == 1:
        return names.flat_map(_read_file)
    return names.interleave(
        _read_file,
        cycle_length=parallel_files,
        block_length=1,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


@tf.autograph.experimental.do_not_convert
def _read_file(name: tf.Tensor) -> tf.data.Dataset:
    is_gzip = tf.strings.regex_full_match(name, r".*\.gz")
    return tf.data.TFRecordDataset(name, tf.where(is_gzip, "GZIP", ""))


# A run makes several datasets from the same shards; the files don't change under it.
@functools.lru_cache(maxsize=8)
def _index_files(files: tuple[str, ...]) -> RecordIndex:
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        columns = list(pool.map(_index_file, files))
    return RecordIndex(files, *map(np.concatenate, zip(*columns, strict=True)))


def _index_file(name: str) -> tuple[npt.NDArray[Any], ...]:
    """Lengths, object counts, hashes, images and objects of one file's records."""
    spec = {
        tf_example.OBJECT_COUNT: tf.io.FixedLenFeature([], tf.int64, -1),
        tf_example.SHA256: tf.io.FixedLenFeature([], tf.string, ""),
        tf_example.WIDTH: tf.io.FixedLenFeature([], tf.int64, 1),
        tf_example.HEIGHT: tf.io.FixedLenFeature([], tf.int64, 1),
        tf_example.AREA_REL: tf.io.RaggedFeature(tf.float32),
    }

    @tf.autograph.experimental.do_not_convert
    def measure(records: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parsed = tf.io.parse_example(records, spec)
        hashes = tf.strings.to_hash_bucket_fast(records, 2**63 - 1)
        lengths = tf.cast(tf.strings.length(records), tf.int64)
        images = tf.strings.substr(parsed[tf_example.SHA256], 0, IMAGE_DIGITS)
        counts = parsed[tf_example.OBJECT_COUNT]
        return lengths, counts, hashes, images, _objects(parsed)

    rows = _read_file(tf.constant(name)).batch(64).map(measure).as_numpy_iterator()
    try:
        measured = list(rows)
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        raise UserError(
            f"{name} is not a readable TFRecord file of examples: "
            f"{str(error).splitlines()[0]}; run the ingest stage again"
        ) from error
    if not measured:
        none = np.zeros(0, f"S{IMAGE_DIGITS}"), np.zeros((0, 3), np.float32)
        return *(np.zeros(0, np.int64),) * 3, *none
    *numbers, images, objects = map(np.concatenate, zip(*measured, strict=True))
    return *numbers, images.astype(f"S{IMAGE_DIGITS}"), objects


def _objects(parsed: dict[str, Any]) -> tf.Tensor:
    """Root of the box's area, width and height of its image, px: [O, 3]."""
    areas = parsed[tf_example.AREA_REL]
    rows = areas.value_rowids()
    sizes = [
        tf.cast(tf.gather(parsed[side], rows), tf.float32)
        for side in (tf_example.WIDTH, tf_example.HEIGHT)
    ]
    return tf.stack([tf.sqrt(areas.values * sizes[0] * sizes[1]), *sizes], axis=-1)
