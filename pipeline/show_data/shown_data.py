"""A few training frames before and after augmentation, with class names."""

import dataclasses
import glob
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import class_names_of, examine
from components.example_gen.plan.corners import decided
from components.example_gen.plan.plan import make_plan
from components.example_gen.source import spans, storage
from pipeline.config import PipelineConfig
from pipeline.run.written_examples import require_split, splits_in
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.tf_example import encode_example
from schemas.user_error import UserError
from trainer.input.batches import count_examples, make_dataset
from trainer.input.config import InputConfig
from trainer.input.undecodable import undecodable_named

# Partners that a mosaic may choose from, beyond the images shown.
_SPARE_IMAGES = 24


@dataclasses.dataclass(frozen=True)
class ShownFrame:
    """A letterboxed image uint8 [H, W, 3] and its boxes [G, 4], xyxy px."""

    image_id: str
    image: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    class_names: tuple[str, ...]
    difficult: npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class ShownData:
    """The same images twice, in the same order."""

    before: tuple[ShownFrame, ...]
    after: tuple[ShownFrame, ...]


def load(
    data: str, split: str, config: PipelineConfig, num_images: int, seed: int
) -> ShownData:
    """Frames of a VOC directory or of ingest output; UserError if there are none."""
    # Mosaic is closed at the end of a run, and this is no run.
    settings = dataclasses.replace(
        config.trainer.input, seed=seed, close_mosaic_epochs=0
    )
    ingested = _ingested(Path(data))
    if ingested is not None:
        require_split(str(ingested), split, splits_in(ingested))
        pattern = f"{glob.escape(str(ingested))}/Split-{split}/*"
        label_map = LabelMap.from_file(ingested / LABEL_MAP_FILENAME)
        return _read(pattern, label_map, settings, num_images)
    with tempfile.TemporaryDirectory() as folder:
        wanted = num_images + _SPARE_IMAGES
        label_map = _sample_voc(data, Path(folder), config.ingest, wanted, seed)
        return _read(f"{folder}/*", label_map, settings, num_images)


def _ingested(data: Path) -> Path | None:
    """The directory with the splits, where the data is the output of ingest."""
    for folder in (data / "examples", data):
        # A drawn sample has a label map, too, but no shards.
        if (folder / LABEL_MAP_FILENAME).is_file() and any(folder.glob("Split-*")):
            return folder
    return None


def _read(
    pattern: str, label_map: LabelMap, config: InputConfig, num_images: int
) -> ShownData:
    shown = min(num_images, max(1, count_examples(pattern)))
    augmented = dataclasses.replace(config, global_batch_size=shown)
    # Order depends on the seed alone, so the plain frames are the same images.
    plain = dataclasses.replace(augmented, augmentations=())
    with undecodable_named(pattern):
        before, after = (
            next(iter(make_dataset(pattern, one, training=True)))
            for one in (plain, augmented)
        )
    return ShownData(
        tuple(_frames(before, label_map)), tuple(_frames(after, label_map))
    )


def _frames(batch: dict[str, tf.Tensor], label_map: LabelMap) -> Iterator[ShownFrame]:
    columns = {key: value.numpy() for key, value in batch.items()}
    for row, image_id in enumerate(columns["image_ids"]):
        real = columns["gt_classes"][row] >= 0
        yield ShownFrame(
            image_id.decode("utf-8", "replace"),
            columns["images"][row],
            columns["gt_boxes"][row][real],
            tuple(label_map.name_of(int(k)) for k in columns["gt_classes"][row][real]),
            columns["gt_difficult"][row][real],
        )


def _sample_voc(
    data: str, folder: Path, config: IngestConfig, wanted: int, seed: int
) -> LabelMap:
    """Writes usable images of a VOC directory as one shard; returns their classes."""
    root = spans.resolve(data).root
    try:
        entries = storage.list_files(root)
    except OSError as error:
        raise UserError(
            f"--data {data} cannot be read: {error.strerror or error}"
        ) from error
    plan = make_plan(
        entries,
        lambda ref: storage.read_bytes(ref, config.max_file_bytes),
        follow_symlinks=config.follow_symlinks,
        unannotated=config.unannotated,
    )
    config, _ = decided(plan.items, config)
    negatives = config.unannotated == "negative"
    items = [i for i in plan.items if i.image and (i.annotation or negatives)]
    random.Random(seed).shuffle(items)
    items = items[:wanted]
    found_names = set().union(*(class_names_of(item, config) for item in items))
    names = config.label_map or tuple(sorted(found_names))
    found = (examine(item, frozenset(names), config).example for item in items)
    examples = [example for example in found if example is not None]
    if not examples or not names:
        raise UserError(
            f"--data {data}: no usable image with an annotation; name the directory "
            "that holds Annotations and JPEGImages, or the output of ingest"
        )
    label_map = LabelMap(names)
    with tf.io.TFRecordWriter(str(folder / "images-00000-of-00001")) as writer:
        for example in examples:
            writer.write(encode_example(example, label_map))
    return label_map
