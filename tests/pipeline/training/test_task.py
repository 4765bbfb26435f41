import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.run import state
from pipeline.training.task import Task, do
from schemas.config_json import to_json
from schemas.user_error import UserError
from trainer import run_fn as module
from trainer.config import TrainerConfig, UnfreezingConfig
from trainer.input.host import Host
from trainer.model.config import ModelConfig
from trainer.training import hosts


@pytest.fixture
def examples(tmp_path, write_examples):
    for split in ("train", "eval"):
        (tmp_path / "in" / f"Split-{split}").mkdir(parents=True)
        path = tmp_path / "in" / f"Split-{split}" / "images-00000.gz"
        write_examples(path, {split: (40, 32, [(4, 4, 30, 28)])})
    (tmp_path / "in" / "label_map.txt").write_text("dog\n")
    return str(tmp_path / "in")


@pytest.fixture
def trained(monkeypatch):
    """The checkpoint folders that trainings were given; each leaves a model."""
    folders = []

    def run_fn(fn_args):
        folders.append(fn_args.custom_config["checkpoint_dir"])
        os.makedirs(fn_args.serving_model_dir)

    monkeypatch.setattr(module, "run_fn", run_fn)
    return folders


def task_of(folder, examples, **fields):
    config = TrainerConfig(**{"train_steps": 1, "strategy": "cpu", **fields})
    return Task(examples=examples, output=str(folder / "out"), config=to_json(config))


def test_a_training_that_leaves_no_model_is_no_success(tmp_path, examples, monkeypatch):
    monkeypatch.setattr(module, "run_fn", lambda fn_args: None)
    with pytest.raises(FileNotFoundError, match="the export left no model in"):
        do(task_of(tmp_path, examples))


def test_checkpoints_are_of_one_config_data_code_and_starting_weights(
    tmp_path, examples, trained, monkeypatch
):
    weights = tmp_path / "light.weights.h5"
    weights.write_text("earlier")
    model = ModelConfig(backbone="light", backbone_weights=str(weights))
    task = task_of(tmp_path, examples, model=model)

    def train(task):
        do(task)
        (Path(task.model) / "assets.extra" / "made_from.txt").unlink()
        (Path(task.model) / "assets.extra").rmdir()
        Path(task.model).rmdir()

    train(task)
    train(task)
    assert trained[0] == trained[1]
    assert Path(trained[0]).parent == tmp_path / "out" / "checkpoints"
    weights.write_text("newer")
    train(task)
    (tmp_path / "in" / "label_map.txt").write_text("dog\ncat\n")
    train(task)
    train(task_of(tmp_path, examples, model=model, seed=1))
    monkeypatch.setattr(state, "source_digest", lambda *modules: "edited")
    train(task)
    assert len(set(trained)) == 5


def test_another_second_training_goes_on_from_the_first_ones_checkpoints(
    tmp_path, examples, monkeypatch
):
    folders = []

    def killed(fn_args):
        folders.append(fn_args.custom_config["checkpoint_dir"])
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_fn", killed)
    model = ModelConfig(backbone="light", frozen_stages=5)
    for epochs in (0, 2):
        then = UnfreezingConfig(num_epochs=epochs)
        with pytest.raises(KeyboardInterrupt):
            do(task_of(tmp_path, examples, model=model, unfreezing=then))
    assert folders[0] == folders[1]


def test_checkpoints_of_other_trainings_are_kept_until_there_is_a_model(
    tmp_path, examples, trained, monkeypatch, caplog
):
    folder = tmp_path / "out" / "checkpoints"
    newest, newer, old, oldest = (f"{number:032x}" for number in range(4))
    for age, name in enumerate((newest, newer, old, oldest)):
        (folder / name / "step-00000001").mkdir(parents=True)
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    seen = []
    mine = [folder / "resnet" / "best.pt", folder / "notes.txt"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.touch()

    def run_fn(fn_args):
        os.makedirs(fn_args.custom_config["checkpoint_dir"])
        seen.extend(path.name for path in folder.iterdir())
        os.makedirs(fn_args.serving_model_dir)

    monkeypatch.setattr(module, "run_fn", run_fn)
    with caplog.at_level("INFO"):
        do(task_of(tmp_path, examples))
    assert all(path.exists() for path in mine)
    names = {"resnet", "notes.txt"}
    (own,) = {path.name for path in folder.iterdir()} - names
    assert set(seen) - names == {own, newest, newer}
    said = "deleted checkpoints of 2 trainings of other data, code or config"
    assert caplog.messages.count(said) == 2


def test_what_was_killed_when_it_had_its_model_clears_others_later(
    tmp_path, examples, trained
):
    task = task_of(tmp_path, examples)
    do(task)
    other = tmp_path / "out" / "checkpoints" / f"{7:032x}"
    other.mkdir(parents=True)
    do(task)
    assert not other.exists()


def test_a_model_of_the_same_is_not_made_again(tmp_path, examples, trained):
    task = task_of(tmp_path, examples)
    do(task)
    do(dataclasses.replace(task, quiet=True))
    assert len(trained) == 1
    with pytest.raises(UserError, match="has a model already, of other data, config"):
        do(task_of(tmp_path, examples, seed=1))
    assert len(trained) == 1


def test_processes_of_other_code_are_refused_before_anything_is_written(
    tmp_path, examples, trained, monkeypatch
):
    others = {"value": np.array("of another release")}
    monkeypatch.setattr(hosts, "this_host", lambda strategy: Host(1, 2))
    monkeypatch.setattr(hosts, "gathered", lambda own, host: [others, own])
    said = "process 1 of 2 has another version of this program, or of a library, than"
    with pytest.raises(UserError, match=f"{said} process 0: install the same in all"):
        do(task_of(tmp_path, examples))
    assert not (tmp_path / "out").exists()
    assert not trained
