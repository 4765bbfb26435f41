"""The annotated pictures that exports are judged on and calibrated with."""

import os
from collections.abc import Sequence
from pathlib import Path

from components.example_gen.shards.tfrecord import TFRecordError, read_records
from pipeline.run.kept_examples import kept_examples
from schemas.detection_example import DetectionExample
from schemas.tf_example import decode_example
from schemas.user_error import UserError

_OF_A_RUN = "VocExampleGen/examples"


def examples_folder(data: str, model: str) -> Path:
    """Where the `Split-*` folders of TFRecords lie that `--data` means.

    `data` is such a folder, a run's root, or a VOC data set, which is ingested once and
    kept. Without it they are of the run that `model` lies in: ROOT/served/VERSION.
    """
    if data:
        found = _splits_below(Path(data))
        return found or Path(kept_examples(data))
    for place in (Path(model), *Path(os.path.abspath(model)).parents[:2]):
        found = _splits_below(place)
        if found:
            return found
    raise UserError(
        f"{model} lies in no run whose pictures could judge it; give --data, a VOC "
        "data set, a run's root or a folder of Split-* folders"
    )


def read_split(folder: Path, split: str) -> list[DetectionExample]:
    """The examples of a split, by image id; UserError where there are none."""
    files = sorted((folder / f"Split-{split}").glob("*"))
    if not files:
        there = sorted(p.name.removeprefix("Split-") for p in folder.glob("Split-*"))
        raise UserError(
            f"{folder} has no split {split!r}; there are: {', '.join(there) or 'none'}"
        )
    try:
        records = [record for file in files for record in read_records(str(file))]
    except TFRecordError as error:
        raise UserError(f"{error}; run ingest again") from error
    examples = [decode_example(record) for record in records]
    if not any(len(example.boxes) for example in examples):
        raise UserError(f"{folder}: split {split!r} has no object to find")
    return sorted(examples, key=lambda example: example.image_id)


def spread(examples: Sequence[DetectionExample], count: int) -> list[bytes]:
    """The files of `count` examples, evenly taken; of all, where there are fewer."""
    step = max(1, len(examples) // count)
    return [example.encoded_image for example in examples[::step][:count]]


def _splits_below(place: Path) -> Path | None:
    if any(place.glob("Split-*")):
        return place
    runs = [path for path in (place / _OF_A_RUN).glob("*") if any(path.glob("Split-*"))]
    return max(runs, key=lambda path: int(path.name)) if runs else None
