"""Children of ours, started from a folder whose modules are named as ours are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.example_gen.shards.workers import WorkerPool
from schemas import own_process

ROOT = Path(__file__).parents[2]
NAMES = ("schemas", "components", "trainer", "pipeline", "json")


@pytest.fixture
def users_folder(tmp_path, monkeypatch):
    """The current folder, with modules of a user's own."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the user\\'s own')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("in_search_path", ["", "relative", "absolute"])
def test_ingest_workers_are_ours(users_folder, monkeypatch, in_search_path):
    entry = {"": "", "relative": os.curdir, "absolute": str(users_folder)}
    monkeypatch.syspath_prepend(entry[in_search_path])

    pool = WorkerPool(1)
    try:
        assert pool.submit(int, "7").result(timeout=30) == 7
    finally:
        pool.close()


def test_a_child_tells_its_own_memory_not_its_parents():
    held = bytearray(b"x" * (400 << 20))
    assert own_process.most_memory_mib() > 400
    code = "from schemas import own_process; print(own_process.most_memory_mib())"
    told = subprocess.check_output(
        [sys.executable, "-c", code], env=own_process.environment(), cwd=ROOT
    )
    assert 1 < float(told) < 200
    del held


def test_a_child_finds_us_where_the_parent_did(users_folder, monkeypatch):
    # As a notebook that says sys.path.append(...): nothing else tells the child.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", ["", *sys.path, str(ROOT)])

    done = subprocess.run(
        [*own_process.command("pipeline"), "--help"],
        env=own_process.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout


def test_our_own_folder_stays_where_it_is_the_current_one(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", ["", str(ROOT), "/elsewhere"])

    environment = own_process.environment(KERAS_BACKEND="tensorflow")

    assert environment["PYTHONPATH"] == f"{ROOT}{os.pathsep}/elsewhere"
    assert environment["KERAS_BACKEND"] == "tensorflow"
