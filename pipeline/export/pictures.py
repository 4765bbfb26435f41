"""The annotated pictures that exports are judged on and calibrated with."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.baseline.push_record import read_record
from components.baseline.served_models import ServedModel
from components.evaluator.judged_images import JudgedImages
from components.example_gen.shards.tfrecord import TFRecordError, read_records
from components.pusher.judged_version import judged_images
from pipeline.evaluation.reading import known_to, reading_of
from pipeline.run.kept_examples import kept_examples
from pipeline.run.written_examples import example_folders, require_split, splits_in
from schemas.counted import counted
from schemas.detection_example import DetectionExample
from schemas.tf_example import decode_example
from schemas.user_error import UserError
from trainer.metrics.protocol import DifficultMode

_DIFFICULT: DifficultMode = "ignore"  # as the gate, by default


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """What judges.

    Attributes:
      folder: where the splits lie; `split`: whose pictures these are.
      examples: by image id.
      difficult: how difficult objects count: as when the model was judged, or "ignore".
    """

    folder: Path
    split: str
    examples: list[DetectionExample]
    difficult: DifficultMode = _DIFFICULT

    def to_mapping(self) -> dict[str, Any]:
        """Which they are, for programs."""
        return {
            "folder": str(self.folder),
            "split": self.split,
            "images": len(self.examples),
            "objects": sum(len(example.boxes) for example in self.examples),
            "difficult": self.difficult,
        }

    def __str__(self) -> str:
        """The same in a line."""
        told = self.to_mapping()
        return (
            f"judged on {self.split}: {counted(told['images'], 'image')}, "
            f"{counted(told['objects'], 'object')} of {self.folder}; "
            f"difficult: {self.difficult}"
        )


def pictures_of(data: str, split: str, model: str) -> Pictures:
    """The pictures that `--data` and `--split` mean.

    `data` is a folder of `Split-*` folders of TFRecords, a run's root, or a VOC data
    set, which is ingested once and kept. Without it they are of the run that `model`
    lies in: ROOT/served/VERSION. Of what lies in a root those are taken that the model
    was judged on. `split` is by default the gate's, as the model was pushed; else eval.
    Raises UserError where there are none.
    """
    judged = judged_images(ServedModel(0, model, None))
    record = read_record(model)
    chosen = split or (record.verdict.get("split") if record else "") or "eval"
    difficult = judged.difficult if judged else _DIFFICULT
    folder = _folder(data, model, judged)
    return Pictures(folder, chosen, read_split(folder, chosen), difficult)


def _folder(data: str, model: str, judged: JudgedImages | None) -> Path:
    if data:
        found = _folders_at(Path(data))
        return (
            _judged_on(found, judged) or found[0] if found else _ingested(data, model)
        )
    for place in (Path(model), *Path(os.path.abspath(model)).parents[:2]):
        found = _folders_at(place)
        if not found:
            continue
        chosen = _judged_on(found, judged)
        if chosen is None:
            raise UserError(
                f"{place} no longer holds the pictures that {model} was judged on; "
                "give --data"
            )
        return chosen
    raise UserError(
        f"{model} lies in no run whose pictures could judge it; give --data, a VOC "
        "data set, a run's root or a folder of Split-* folders"
    )


def _folders_at(place: Path) -> list[Path]:
    return [place] if splits_in(place) else example_folders(place)


def _judged_on(folders: list[Path], judged: JudgedImages | None) -> Path | None:
    """The folder with the very images; the newest where nobody knows which they are."""
    if judged is None:
        return folders[0]
    ids = judged.columns.image_ids.tolist()
    for folder in folders:
        if judged.split in splits_in(folder):
            there = [one.image_id for one in read_split(folder, judged.split)]
            if there == ids:
                return folder
    return None


def _ingested(data: str, model: str) -> Path:
    """As the data that the model was trained on were."""
    reading = known_to(model, reading_of(model))
    return Path(kept_examples(data, settings=reading.changed()))


def read_split(folder: Path, split: str) -> list[DetectionExample]:
    """The examples of a split, by image id; UserError where there are none."""
    require_split(str(folder), split, splits_in(folder))
    files = sorted((folder / f"Split-{split}").glob("*"))
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
