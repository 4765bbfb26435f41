"""How old runs of a root are deleted, in a metadata store written as TFX writes it."""

import json
import os

import pytest

pytest.importorskip("ml_metadata.proto")

from pipeline.run.old_runs import delete_old_runs
from pipeline.run.past_runs import keep_record, past_runs


@pytest.mark.parametrize("name", ["path", "link"])
def test_what_a_kept_run_reused_stays_by_whatever_name_the_root_is_called(
    root, link, name
):
    root.begin("one")
    reused = root.stage("VocExampleGen", "ran")
    old = root.stage("Trainer", "ran")
    root.begin("two")
    root.stage("VocExampleGen", "reused", reused)
    new = root.stage("Trainer", "ran")

    lost, freed = delete_old_runs(str({"path": root.path, "link": link}[name]), 1)

    assert (lost, freed) == ([1], len("content"))
    there = [(root.path / one.uri).exists() for one in (reused, old, new)]
    assert there == [True, False, True]


def test_checkpoints_stay_where_the_runs_since_got_to_no_training(root):
    older, newer = (root.path / "checkpoints" / one for one in ("a" * 32, "b" * 32))
    for folder in (older, newer):
        folder.mkdir(parents=True)
        root.begin(folder.name)
        config = json.dumps({"checkpoint_dir": str(folder)})
        root.stage("Trainer", "begun", custom_config=config)
    for name in ("broken off", "once more"):
        root.begin(name)
        root.stage("VocExampleGen", "begun")

    delete_old_runs(str(root.path), 1)

    assert (older.exists(), newer.exists()) == (False, True)


@pytest.mark.parametrize("name", ["path", "link"])
def test_checkpoints_of_a_training_that_goes_on_stay(root, link, name):
    going_on, ended = (root.path / "checkpoints" / one for one in ("a" * 32, "b" * 32))
    for folder in (going_on, ended):
        folder.mkdir(parents=True)
    root.begin("one")
    config = json.dumps({"checkpoint_dir": str(going_on)})
    root.stage("Trainer", "begun", custom_config=config)

    delete_old_runs(str({"path": root.path, "link": link}[name]), 1)

    assert (going_on.exists(), ended.exists()) == (True, False)


def test_what_another_program_has_in_the_root_stays(root):
    mine = [root.path / "checkpoints/resnet/best.pt", root.path / "logs/mine.txt"]
    ours = [root.path / "checkpoints" / ("a" * 32) / "step-00000004"]
    ours.append(root.path / "logs/run-20261128-011421.log")
    for path in (*mine, *ours):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1, 1))
    root.begin("one")

    delete_old_runs(str(root.path), 1)

    assert [path.exists() for path in (*mine, *ours)] == [True, True, False, False]


@pytest.mark.parametrize("told_at_its_end", [True, False])
def test_what_is_told_of_a_run_outlives_its_outputs(root, told_at_its_end):
    root.begin("one")
    metrics = {"test": {"candidate": {"AP": 0.25, "AP50": None}}}
    written = root.stage(
        "DetectionEvaluator",
        "ran",
        key="evaluation_result",
        files={"metrics.json": json.dumps(metrics)},
    )
    if told_at_its_end:
        keep_record(str(root.path), 61.5)
    root.begin("two")
    (before, _) = past_runs(str(root.path))

    delete_old_runs(str(root.path), 1)

    (after, _) = past_runs(str(root.path))
    assert not (root.path / written.uri).exists()
    assert after.metrics == {"test": {"AP": 0.25, "AP50": None}}
    assert after == before


def test_a_store_in_which_no_run_has_begun_loses_nothing(root):
    assert delete_old_runs(str(root.path), 1) == ([], 0)
