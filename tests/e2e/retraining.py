"""Weeks of one schedule with the real pipeline: `make retrain`, 12 CPU minutes.

Not collected by itself: a call takes a minute, and the second week's is killed in each
stage. The tests build on each other, in this order.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest
from PIL import Image

from components.example_gen.shards.tfrecord import read_records
from pipeline.__main__ import main

CHECKOUT = pathlib.Path(__file__).parents[2]
OPTIONS = ("--preset", "smoke", "--window", "2", "--warm-start", "--json")
SECOND_WEEK = (
    *("VocExampleGen-2", "StatisticsGen-2", "DataGate", "SpanWindow", "Transform"),
    *("Trainer", "DetectionEvaluator", "ServingCheck", "ModelPusher", "ReportWriter"),
)


class Schedule:
    """A folder of spans, a root, and what the last call printed."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.root = folder / "root"
        self._capsys = capsys

    def arguments(self, *options):
        data = str(self.folder / "data" / "span-{SPAN}")
        return ["retrain", "--data", data, "--root", str(self.root), *OPTIONS, *options]

    def call(self, *options):
        """Exit status and result."""
        self._capsys.readouterr()
        status = main(self.arguments(*options))
        result = json.loads(self._capsys.readouterr().out)
        with self._capsys.disabled():
            sys.stdout.write(f"\n{result['outcome']}: {result['text']}\n")
        assert result["exit_status"] == status
        return status, result

    def killed_in(self, stage):
        """Kills a call as soon as it says that a stage begins; what it said until."""
        process = subprocess.Popen(
            # each kill is a failure, and three would pause it
            [sys.executable, "-P", "-m", "pipeline", *self.arguments("--resume")],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = []
        for line in process.stderr:
            said.append(line.rstrip())
            if line.startswith(f"{stage} ..."):
                break
        process.kill()
        assert process.wait() == -signal.SIGKILL, said
        return said

    def add_span(self, number):
        folder = self.folder / "data" / f"span-{number}"
        drawn = ["--images", "30", "--seed", str(number), "--size", "128"]
        assert main(["sample-data", str(folder), *drawn]) == 0
        return folder

    def served(self):
        served = self.root / "served"
        return sorted(path.name for path in served.iterdir() if path.name.isdigit())


def records(folder):
    return sum(len(list(read_records(str(path)))) for path in folder.iterdir())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("weeks")


@pytest.fixture
def schedule(place, capsys):
    return Schedule(place, capsys)


def test_the_first_span_is_pushed(schedule):
    schedule.add_span(1)
    status, result = schedule.call()

    assert (status, result["outcome"], result["initial_model"]) == (0, "pushed", "")
    assert schedule.served() == [result["summary"]["pushed_path"].rpartition("/")[2]]


def test_nothing_is_new(schedule):
    status, result = schedule.call()

    assert (status, result["outcome"], result["summary"]) == (0, "nothing_new", None)


def test_the_second_week_is_killed_in_each_stage_and_goes_on(schedule):
    schedule.add_span(2)
    (first,) = schedule.served()
    for number, stage in enumerate(SECOND_WEEK):
        said = schedule.killed_in(stage)
        assert said[-1].startswith(f"{stage} ..."), said
        for before in SECOND_WEEK[: max(0, number - 1)]:
            assert f"{before}: reused" in said

    status, result = schedule.call("--resume")

    assert (status, result["outcome"]) == (0, "pushed")
    assert result["killed"]["what"] == "killed"
    assert result["initial_model"] == str(schedule.root / "served" / first)
    assert result["summary"]["stages"]["VocExampleGen-1"] == "reused"
    assert result["summary"]["stages"]["Trainer"] == "reused"
    assert len(schedule.served()) == 2
    assert list((schedule.root / "served").glob(".incoming-*")) == []


def test_the_second_model_learned_from_both_spans(schedule):
    (window,) = (schedule.root / "SpanWindow" / "examples").iterdir()
    for split in ("train", "eval", "test"):
        each = [
            records(folder / f"Split-{split}")
            for span in (1, 2)
            for folder in (schedule.root / f"VocExampleGen-{span}/examples").iterdir()
        ]
        assert records(window / f"Split-{split}") == sum(each)
        assert len(each) == 2


def test_after_the_push_nothing_is_new(schedule):
    assert schedule.call()[1]["outcome"] == "nothing_new"


def test_a_worse_model_is_refused(schedule):
    before = schedule.served()
    status, result = schedule.call("--again", "--set", "gate.min_map=0.99")

    assert (status, result["outcome"]) == (1, "model_refused")
    assert "is below the threshold 0.9900" in result["text"]
    assert schedule.served() == before


def test_a_drifted_span_is_refused_before_any_training(schedule):
    folder = schedule.add_span(3)
    for path in (folder / "JPEGImages").iterdir():
        with Image.open(path) as image:
            dark = image.point(lambda value: value // 6)
        dark.save(path)
    status, result = schedule.call()

    assert (status, result["outcome"]) == (1, "data_refused")
    assert "drift of brightness" in result["text"]
    assert result["summary"] is None


def test_a_broken_span_is_refused_and_the_third_failure_pauses(schedule):
    folder = schedule.add_span(4)
    for path in sorted((folder / "Annotations").iterdir())[:6]:
        path.write_text(path.read_text()[:100])
    status, result = schedule.call()

    assert (status, result["outcome"]) == (1, "data_refused")
    assert "6 of 30 images rejected" in result["text"]
    assert result["paused"]
    status, result = schedule.call()
    assert (status, result["outcome"]) == (1, "paused")


def test_a_lost_class_is_refused_by_the_gate(schedule):
    """The window is that of span 5 alone: what is served knows five classes."""
    folder = schedule.add_span(5)
    for path in (folder / "Annotations").iterdir():
        path.write_text(path.read_text().replace("star", "ball"))
    status, result = schedule.call("--resume", "--window", "1")

    assert (status, result["outcome"]) == (1, "model_refused")
    assert "the served model knows star, which this one would lose" in result["text"]


def test_the_root_holds_no_half_done_file(schedule):
    names = {path.name for path in schedule.root.iterdir()}
    assert not {name for name in names if name.endswith((".tmp", ".lock"))}
    shutil.rmtree(schedule.root)
