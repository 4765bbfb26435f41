"""One training as data, and what does it: ingest's output in, a served model out."""

import dataclasses
import glob
import logging
import os
import shutil
import types
from pathlib import Path

import numpy as np

from pipeline.config import is_digest
from pipeline.run.written_examples import folder_with_splits, require_split, splits_in
from schemas.config_json import from_json
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.user_error import UserError
from trainer.config import TrainerConfig
from trainer.input.host import Host

_LOG = logging.getLogger(__name__)
MODEL, CHECKPOINTS, WATCHED = "model", "checkpoints", "model_run"
MADE_FROM = "made_from.txt"  # beside the model: digest of data, weights, code, config
SPLITS = ("train", "eval")
KEPT_OTHERS = 2  # begun trainings of other data, code or config that can go on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What to train, and where.

    Attributes:
      examples: ingest's output, or the root of a run.
      output: a folder for the model, its checkpoints and what watches the training.
      config: the trainer's, as JSON.
      quiet: no progress.
    """

    examples: str
    output: str
    config: str
    quiet: bool = False

    @property
    def model(self) -> str:
        """Where the model is put when it is whole."""
        return os.path.join(self.output, MODEL)

    def log(self, process: str = "0") -> str:
        """Where what libraries say goes, of each process."""
        return os.path.join(self.output, f"train-{process}.log")


def do(task: Task) -> None:
    """Trains, and puts the model in its place; goes on from a checkpoint.

    Where OUT has the model of the same data, weights, code and config there is nothing
    to do; UserError where it has another one.
    """
    folder = folder_with_splits(Path(task.examples))
    if not folder:
        raise UserError(
            f"{task.examples} holds no TFRecords with a label map: name the output of "
            "voc-pipeline ingest, or the --root of a run"
        )
    for split in SPLITS:
        require_split(task.examples, split, splits_in(Path(folder)))
    from pipeline.run.state import code_fingerprint
    from trainer.preflight import refuse_impossible
    from trainer.run_fn import run_fn
    from trainer.training.hosts import leave, require_same, this_host

    config = from_json(TrainerConfig, task.config, "trainer")
    refuse_impossible(config)
    host = this_host(config.strategy)
    what = "version of this program, or of a library,"
    require_same(what, code_fingerprint(), host, "install the same in all of them")
    made_from = _made_from(config, folder)
    # another second training goes on from the first one's
    kept = _made_from(config.first_training(), folder)
    if _is_made(task, made_from, host):
        _LOG.info("%s is of the same data, config and code: done before", task.model)
        if host.is_first:  # unless it was killed then, that is done, too
            clear_others(task, kept, 0)
        if host.count > 1:
            leave()
        return
    aside = os.path.join(task.output, f".{MODEL}.partial")
    if host.is_first:
        shutil.rmtree(aside, ignore_errors=True)
        clear_others(task, kept, KEPT_OTHERS)
    checkpoints = os.path.join(task.output, CHECKPOINTS, kept)
    run_fn(_arguments(task, folder, aside, checkpoints))
    if host.is_first:  # of several processes it alone has a model
        _put_in_place(task, aside, made_from)
        clear_others(task, kept, 0)  # OUT takes no other training any more


def _put_in_place(task: Task, aside: str, made_from: str) -> None:
    from trainer.serving.saved_model import write_extra

    if not os.path.isdir(aside):
        raise FileNotFoundError(f"the export left no model in {aside}")
    write_extra(aside, MADE_FROM, made_from)
    os.replace(aside, task.model)


def clear_others(task: Task, own: str, keep: int) -> None:
    """Deletes checkpoints of all trainings but this and the newest `keep` others.

    What has another name than a digest is not ours: OUT may have been there before.
    """
    folder = Path(task.output, CHECKPOINTS)
    ours = [one for one in folder.glob("*") if one.is_dir() and is_digest(one.name)]
    others = [one for one in ours if one.name != own]
    others.sort(key=lambda one: one.stat().st_mtime, reverse=True)
    for one in others[keep:]:
        shutil.rmtree(one)
    if others[keep:]:
        count = len(others[keep:])
        plural = "" if count == 1 else "s"
        _LOG.info(
            "deleted checkpoints of %d training%s of other data, code or config",
            count,
            plural,
        )


def _patterns(folder: str) -> list[str]:
    return [f"{glob.escape(folder)}/Split-{name}/*" for name in SPLITS]


def _arguments(
    task: Task, folder: str, model: str, checkpoints: str
) -> types.SimpleNamespace:
    """What the Trainer's `run_fn` takes of TFX's FnArgs."""
    train, evaluation = _patterns(folder)
    return types.SimpleNamespace(
        train_files=[train],
        eval_files=[evaluation],
        transform_graph_path="",
        custom_config={
            "trainer_config": task.config,
            "checkpoint_dir": checkpoints,
            "label_map": os.path.join(folder, LABEL_MAP_FILENAME),
        },
        train_steps=None,
        hyperparameters=None,
        serving_model_dir=model,
        model_run_dir=os.path.join(task.output, WATCHED),
    )


def _made_from(config: TrainerConfig, folder: str) -> str:
    """Digest of examples, label map, starting weights, code and config."""
    from pipeline.run.state import training_fingerprint
    from trainer.input.records import index_records
    from trainer.preflight import starting_weights_digest

    names = LabelMap.from_file(os.path.join(folder, LABEL_MAP_FILENAME)).names
    data = [index_records(each).digest() for each in _patterns(folder)]
    weights = starting_weights_digest(config.model)
    return training_fingerprint(config, [*data, *names], weights)


def _is_made(task: Task, made_from: str, host: Host) -> bool:
    """Whether the first process has this model; all of them call it together."""
    from trainer.serving.saved_model import EXTRA
    from trainer.training.hosts import from_first

    note = Path(task.model, EXTRA, MADE_FROM)
    text = note.read_text("utf-8") if note.exists() else "unknown"
    has_model = host.is_first and os.path.exists(task.model)
    there = from_first({"made_from": np.array(text)} if has_model else None, host)
    if there is None:
        return False
    if str(there["made_from"]) != made_from:
        raise UserError(
            f"--output {task.output} has a model already, of other data, config or "
            "code; name another"
        )
    return True
