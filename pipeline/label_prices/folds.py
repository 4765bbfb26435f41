"""Every image judged by a model that did not see it: as many trainings as folds.

A model knows the labels it learned from by heart, errors included. So the images are
dealt into folds, by content, so that copies lie together; and for each fold a model is
trained on the others, by the Trainer's own function and the recipe of a given model.
"""

import dataclasses
import glob
import logging
import os
import shutil
import types
from collections.abc import Iterator

from components.evaluator.image_columns import ImageColumns
from components.example_gen.shards.tfrecord import TFRecordWriter, read_records
from pipeline.evaluation.evaluate import Evaluation, measure
from pipeline.evaluation.examples import Examples
from pipeline.prediction.detector import on_this_machine
from schemas.config_json import from_json, to_json
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.tf_example import decode_example
from schemas.user_error import UserError
from trainer.config import TrainerConfig, deciding

_LOG = logging.getLogger(__name__)
_RECIPE = "assets.extra/trainer_config.json"
_SHARD = "images-00000-of-00001"
# The best of a training's states is kept; images it learned from choose it, so that the
# held-out labels have no say. So many of them:
_CHOOSE_BY_ONE_OF = 10


def recipe_of(model: str, epochs: int) -> TrainerConfig:
    """How a version was trained, from scratch or ImageNet, for other `epochs` if any.

    Those are all there are then: a second training would be longer than it should be.
    What it was warmed up with may have seen any image, and is left out. Raises
    UserError where the version does not say how it was trained.
    """
    try:
        with (
            on_this_machine(model) as path,
            open(os.path.join(path, _RECIPE), encoding="utf-8") as file,
        ):
            config = from_json(TrainerConfig, file.read(), "trainer")
    except OSError as error:
        raise UserError(
            f"{model}/{_RECIPE} cannot be read ({error.strerror}): --folds trains as "
            "MODEL was trained; name a version that a run pushed"
        ) from error
    model_config = dataclasses.replace(config.model, initial_model="")
    config = dataclasses.replace(deciding(config), model=model_config, doctor=False)
    if epochs:
        once = config.first_training()
        config = dataclasses.replace(once, num_epochs=epochs, train_steps=0)
    return config


def fold_of(sha256: str, folds: int) -> int:
    """The fold of an image, by the digest of its bytes."""
    return int(sha256, 16) % folds


def measure_in_folds(
    config: TrainerConfig, examples: Examples, folds: int, work: str
) -> Evaluation:
    """Trains `folds` models, each asked about the images that it did not learn from."""
    found = []
    for number in range(folds):
        _LOG.info("fold %d of %d", number + 1, folds)
        place = os.path.join(work, f"fold-{number}")
        held_out = _deal(examples, number, folds, place)
        model = _trained(config, place)
        found.append(measure(model, held_out, "ignore", os.path.join(place, "judged")))
        shutil.rmtree(place)  # else the disk holds as many copies of the data as folds
    return dataclasses.replace(
        found[0],
        model=f"{folds} models that did not learn from them",
        split=examples.split,
        columns=ImageColumns.merge([one.columns for one in found]),
    )


def _deal(examples: Examples, number: int, folds: int, place: str) -> Examples:
    """Writes what a fold's model learns from, and what it is asked about."""
    paths = {
        split: os.path.join(place, "examples", f"Split-{split}", _SHARD)
        for split in ("train", "eval", "held_out")
    }
    for path in paths.values():
        os.makedirs(os.path.dirname(path))
    learned = 0
    with (
        TFRecordWriter(paths["train"]) as train,
        TFRecordWriter(paths["eval"]) as choosing,
        TFRecordWriter(paths["held_out"]) as held_out,
    ):
        for sha256, record in _records(examples):
            if fold_of(sha256, folds) == number:
                held_out.write(record)
                continue
            train.write(record)
            if learned % _CHOOSE_BY_ONE_OF == 0:
                choosing.write(record)
            learned += 1
        if not (learned and held_out.records):
            raise UserError(
                f"{learned + held_out.records} different images are too few for "
                f"--folds {folds}"
            )
    LabelMap(examples.class_names).to_file(
        os.path.join(place, "examples", LABEL_MAP_FILENAME)
    )
    pattern = glob.escape(paths["held_out"])
    return dataclasses.replace(examples, file_pattern=pattern)


def _records(examples: Examples) -> Iterator[tuple[str, bytes]]:
    for path in sorted(glob.glob(examples.file_pattern)):
        for record in read_records(path):
            yield decode_example(record).sha256, record


def _trained(config: TrainerConfig, place: str) -> str:
    """Path of a model that learned from the fold's train split."""
    import keras

    from trainer.run_fn import run_fn

    model = os.path.join(place, "model")
    splits = os.path.join(glob.escape(place), "examples")
    run_fn(
        types.SimpleNamespace(
            custom_config={
                "trainer_config": to_json(config),
                "checkpoint_dir": os.path.join(place, "checkpoints"),
            },
            train_steps=None,
            hyperparameters=None,
            train_files=[os.path.join(splits, "Split-train", "*")],
            eval_files=[os.path.join(splits, "Split-eval", "*")],
            transform_graph_path="",
            serving_model_dir=model,
            model_run_dir=os.path.join(place, "run"),
        )
    )
    keras.backend.clear_session()
    return model
