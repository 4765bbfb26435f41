"""What goes wrong around a run leaves either a whole output or none."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.example_gen import local_run, transforms
from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest, pipeline_with
from components.example_gen.output import directories as output
from components.example_gen.output.directories import whole_output
from components.example_gen.shards import tfrecord
from components.example_gen.shards.workers import WorkerDiedError, WorkerPool
from components.example_gen.source import spans
from schemas.user_error import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def home(data_set, voc_xml):
    names = {f"i{i}": voc_xml(f"i{i}.jpg") for i in range(6)}
    return data_set(names, sets={"train": "\n".join(names)})


@pytest.fixture
def run(home, tmp_path):
    def go(make_pipeline=None, **config):
        with whole_output(str(tmp_path / "out")) as dirs:
            settings = IngestConfig(ensure_splits=False, **config)
            ingest(spans.resolve(str(home)), dirs, settings, make_pipeline)
        return json.loads((tmp_path / "out/report.json").read_text())

    return go


def leftovers(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir() if path.name != "VOC")


@pytest.mark.parametrize(
    ("runner", "make_pipeline"), [(local_run, None), (transforms, pipeline_with)]
)
def test_a_shard_that_fails_leaves_no_output_and_the_next_run_completes(
    run, tmp_path, monkeypatch, runner, make_pipeline
):
    real = runner.write_planned

    def fail_late(index, *rest):
        result = real(index, *rest)
        if index == 2:
            raise RuntimeError("this worker was lost")
        return result

    monkeypatch.setattr(runner, "write_planned", fail_late)
    with pytest.raises(RuntimeError, match="this worker was lost"):
        run(make_pipeline, images_per_shard=2, processes=1)
    assert leftovers(tmp_path) == []
    monkeypatch.undo()
    report = run(make_pipeline, images_per_shard=2, processes=1)
    assert report["images_written"] == 6


def test_a_full_disk_is_one_line_and_leaves_no_output(run, tmp_path, monkeypatch):
    real = tfrecord.TFRecordWriter.write

    def fail(self, record):
        if self.records == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, record)

    monkeypatch.setattr(tfrecord.TFRecordWriter, "write", fail)
    with pytest.raises(UserError, match="no space left on device for"):
        run(processes=1)
    assert leftovers(tmp_path) == []


def test_a_second_run_with_the_same_output_is_refused(tmp_path):
    path = str(tmp_path / "out")
    with (
        whole_output(path),
        pytest.raises(UserError, match="another run is writing"),
        whole_output(path),
    ):
        pytest.fail("both runs got the output")
    with whole_output(path) as dirs:
        output.write_text(f"{dirs.report}/report.json", "{}")
    assert leftovers(tmp_path) == ["out"]


def test_a_lock_that_nobody_holds_is_no_obstacle(run, tmp_path):
    (tmp_path / ".out.lock").write_text("")
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial/Split-train").mkdir()
    assert run()["images_written"] == 6
    assert leftovers(tmp_path) == ["out"]


def test_an_earlier_output_is_replaced_as_a_whole(run, tmp_path):
    run(images_per_shard=1)
    assert len(list((tmp_path / "out/Split-train").iterdir())) == 6
    run(images_per_shard=6)
    assert len(list((tmp_path / "out/Split-train").iterdir())) == 1
    assert leftovers(tmp_path) == ["out"]


def test_a_run_that_fails_keeps_the_earlier_output(run, home, tmp_path):
    run()
    for path in (home / "Annotations").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match="nothing is left"):
        run()
    assert json.loads((tmp_path / "out/report.json").read_text())["images_written"] == 6


def test_a_directory_with_something_else_is_never_replaced(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds something else"):
        run()
    assert (tmp_path / "out/thesis.tex").read_text() == "years of work"


def test_an_output_below_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="cannot be written"),
        whole_output(str(tmp_path / "file/out")),
    ):
        pass


def test_a_worker_that_dies_is_an_error_not_a_hang():
    pool = WorkerPool(1)
    try:
        with pytest.raises(WorkerDiedError, match=r"status 3.*run it again"):
            pool.submit(os._exit, 3).result(timeout=30)
    finally:
        pool.close()


def test_what_a_worker_raises_comes_back_with_its_trace():
    pool = WorkerPool(1)
    try:
        with pytest.raises(RuntimeError, match="invalid literal for int"):
            pool.submit(int, "seven").result(timeout=30)
        assert pool.submit(int, "7").result(timeout=30) == 7
    finally:
        pool.close()


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "whole run"])
def test_killed_in_the_middle_it_leaves_nothing_and_runs_again(
    data_set, voc_xml, tmp_path, victim
):
    names = {f"i{i}": voc_xml(f"i{i}.jpg") for i in range(3000)}
    home = data_set(names, sets={"train": "\n".join(names)})
    out = tmp_path / "out"
    command = [sys.executable, "-m", "pipeline", "ingest", str(home)]
    command += ["--output", str(out), "--processes", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    staging = tmp_path / ".out.partial/.staging"
    while not any(staging.glob("*/results/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    pid = process.pid
    if victim == "worker":
        pid = _children(pid)[0]
    os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not out.exists()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert json.loads((out / "report.json").read_text())["images_written"] == 3000


def _children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [
        int(child)
        for task in tasks
        for child in (task / "children").read_text().split()
    ]


def test_the_lock_is_the_kernels(tmp_path):
    with whole_output(str(tmp_path / "out")), open(tmp_path / ".out.lock") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (tmp_path / ".out.partial/report.json").write_text("{}")
