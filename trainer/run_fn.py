"""The Trainer's entry point for TFX: FnArgs in, a served model out. Wiring only."""

import contextlib
import dataclasses
import functools
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from schemas.config_json import from_json, to_json, to_mapping
from schemas.detection_example import DetectionExample
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.tf_example import decode_example
from trainer.config import TrainerConfig, with_watching
from trainer.input.batches import count_examples, make_dataset
from trainer.input.host import ONE_HOST, Host
from trainer.input.records import index_records, read_records
from trainer.input.transform_graph import transform_features_fn
from trainer.input.undecodable import undecodable_named
from trainer.levels import with_fitting_levels
from trainer.search_space import with_values
from trainer.serving.other_backend import export_with_tensorflow
from trainer.serving.saved_model import EXTRA, export_model, write_extra
from trainer.train import train
from trainer.training.checkpoint_copy import CheckpointCopy, is_in_store
from trainer.training.fit import TrainingData
from trainer.training.hosts import leave, this_host
from trainer.training.tracking import tracked

_LOG = logging.getLogger(__name__)
# Beside the exported model, for the record.
CONFIG_FILENAME = "trainer_config.json"
LEARNED_FROM_FILENAME = "learned_from.txt"  # the start of each image file's SHA-256


def run_fn(fn_args: Any) -> None:
    """Train and export; called by the TFX Trainer with its `FnArgs`.

    `custom_config` holds `trainer_config` (JSON), `checkpoint_dir` (a local folder,
    or one in a store; "" where nothing is to be resumed), and optionally `watching`,
    the path of a file with the rest of the config, which is no part of what the stage
    is cached by; and `label_map`, a path; by default the label map lies beside the
    examples' splits.
    `train_steps` of the FnArgs, where given, takes the place of the config's length;
    `hyperparameters` are the Tuner's best, and change the fields that they name.
    """
    custom = fn_args.custom_config
    config = _with_length(
        from_json(TrainerConfig, custom["trainer_config"], "trainer"),
        fn_args.train_steps,
    )
    if custom.get("watching"):
        with open(custom["watching"], encoding="utf-8") as file:
            config = with_watching(config, file.read())
    if fn_args.hyperparameters:
        config = with_values(config, fn_args.hyperparameters["values"])
    config = with_fitting_levels(config, index_records(fn_args.train_files))
    label_map = label_map_of(fn_args)
    host = this_host(config.strategy)
    data = training_data(config, fn_args, label_map, host)
    under_tensorflow = keras.backend.backend() == "tensorflow"
    export = export_model if under_tensorflow else export_with_tensorflow
    served = fn_args.serving_model_dir
    with (
        undecodable_named(fn_args.train_files, fn_args.eval_files),
        tracked(
            config.tracking if host.is_first else (), to_mapping(config), served
        ) as trackers,
    ):
        kept_in = custom["checkpoint_dir"] if host.is_first else ""
        with _checkpoint_folder(kept_in) as (folder, copy):
            model = train(
                config,
                data,
                checkpoint_dir=folder,
                log_dir=fn_args.model_run_dir,
                trackers=trackers,
                checkpoint_copy=copy,
            )
        if host.count > 1:
            leave()  # the others need not wait for the export
        if not host.is_first:
            return
        export(model, config.input.image_size, label_map, served)
        write_extra(served, CONFIG_FILENAME, to_json(config))
        images = images_learned_from(fn_args.train_files, config.model.initial_model)
        lines = "".join(f"{image}\n" for image in images)
        write_extra(served, LEARNED_FROM_FILENAME, lines)


def images_learned_from(train_files: Sequence[str], initial_model: str) -> list[str]:
    """Sorted starts of the images' SHA-256: of these, and of a warm start's own.

    A model of an earlier release does not say what it learned from.
    """
    images = {one.decode() for one in index_records(train_files).images.tolist()}
    known = f"{initial_model}/{EXTRA}/{LEARNED_FROM_FILENAME}"
    if initial_model and tf.io.gfile.exists(known):
        with tf.io.gfile.GFile(known) as file:
            images |= set(file.read().split())
    return sorted(images - {""})


def label_map_of(fn_args: Any) -> LabelMap:
    """The label map that `custom_config` names, else the one beside the splits."""
    # .../examples/Split-train/* -> .../examples/label_map.txt
    examples = os.path.dirname(os.path.dirname(fn_args.train_files[0]))
    path = fn_args.custom_config.get("label_map", "")
    return LabelMap.from_file(path or os.path.join(examples, LABEL_MAP_FILENAME))


def training_data(
    config: TrainerConfig, fn_args: Any, label_map: LabelMap, host: Host = ONE_HOST
) -> TrainingData:
    """Batches of the two splits; ground truth comes through the Transform graph."""
    options: dict[str, Any] = {}
    if graph := fn_args.transform_graph_path:
        options["transform_features"] = transform_features_fn(graph)
    train_files, eval_files = fn_args.train_files, fn_args.eval_files
    num_examples = count_examples(train_files)
    count_examples(eval_files)  # refuses none now, not when the first epoch is over
    digests = [index_records(files).digest() for files in (train_files, eval_files)]

    def train_until(step: int, train_steps: int) -> tf.data.Dataset:
        return make_dataset(
            train_files,
            config.input,
            training=True,
            start_step=step,
            train_steps=train_steps,
            host=host,
            **options,
        )

    steps = config.total_steps(num_examples)
    return TrainingData(
        train=functools.partial(train_until, train_steps=steps),
        train_until=train_until,
        # one data set for all evaluations: each new one would decode its images anew
        evaluation=functools.cache(
            lambda: make_dataset(
                eval_files, config.input, training=False, host=host, **options
            )
        ),
        num_train_examples=num_examples,
        class_names=label_map.names,
        stored=lambda count: _stored(eval_files, count),
        digest=" ".join(digests),
        host=host,
    )


def _stored(files: list[str], count: int) -> list[DetectionExample]:
    records = read_records(index_records(files).files, parallel_files=1).take(count)
    return [decode_example(record.numpy()) for record in records]


@contextlib.contextmanager
def _checkpoint_folder(path: str) -> Iterator[tuple[str, CheckpointCopy | None]]:
    """A local folder, which is the path where that is local, and what follows it."""
    if path and not is_in_store(path):
        yield path, None
        return
    with tempfile.TemporaryDirectory() as temporary:
        copy = CheckpointCopy(path) if path else None
        if copy is not None:
            copy.fetch(Path(temporary))
        yield temporary, copy


def _with_length(config: TrainerConfig, train_steps: int | None) -> TrainerConfig:
    if not train_steps:
        return config
    return dataclasses.replace(config, train_steps=train_steps, num_epochs=0)
