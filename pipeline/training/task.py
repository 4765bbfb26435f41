"""One training as data, and what does it: ingest's output in, a served model out."""

import dataclasses
import glob
import os
import shutil
import types
from pathlib import Path

from pipeline.run.written_examples import folder_with_splits, require_split, splits_in
from schemas.label_map import LABEL_MAP_FILENAME
from schemas.user_error import UserError

MODEL, CHECKPOINTS, WATCHED = "model", "checkpoints", "model_run"
SPLITS = ("train", "eval")


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

    def log(self, process: int = 0) -> str:
        """Where what libraries say goes, of each process."""
        return os.path.join(self.output, f"train-{process}.log")


def do(task: Task) -> None:
    """Trains, and puts the model in its place; goes on from a checkpoint."""
    folder = folder_with_splits(Path(task.examples))
    if not folder:
        raise UserError(
            f"{task.examples} holds no TFRecords with a label map: name the output of "
            "voc-pipeline ingest, or the --root of a run"
        )
    for split in SPLITS:
        require_split(task.examples, split, splits_in(Path(folder)))
    from trainer.run_fn import run_fn

    aside = os.path.join(task.output, f".{MODEL}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    train, evaluation = (f"{glob.escape(folder)}/Split-{name}/*" for name in SPLITS)
    run_fn(
        types.SimpleNamespace(
            train_files=[train],
            eval_files=[evaluation],
            transform_graph_path="",
            custom_config={
                "trainer_config": task.config,
                "checkpoint_dir": os.path.join(task.output, CHECKPOINTS),
                "label_map": os.path.join(folder, LABEL_MAP_FILENAME),
            },
            train_steps=None,
            hyperparameters=None,
            serving_model_dir=aside,
            model_run_dir=os.path.join(task.output, WATCHED),
        )
    )
    if os.path.isdir(aside):  # of several processes the first alone has one
        os.replace(aside, task.model)
