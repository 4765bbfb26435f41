import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parents[1] / "programs"
ROOT = Path(__file__).parents[3]


def run_program(name, folder):
    """The last line that a program of ours prints, as JSON."""
    done = subprocess.run(
        [sys.executable, PROGRAMS / name, folder],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path):
    trainings = run_program("killed_training.py", tmp_path)
    undisturbed = trainings.pop("undisturbed")
    for name, training in trainings.items():
        assert training["digest"] == undisturbed["digest"], name
        # it went on each time: no step was trained from the start
        assert len(training["found"]) == 3
        assert training["found"] == sorted(training["found"])
        assert training["found"][0] >= 2


@pytest.mark.slow
def test_a_save_killed_at_any_file_operation_leaves_whole_checkpoints(tmp_path):
    deaths = run_program("killed_saves.py", tmp_path)
    assert len(deaths) > 25  # the last one died of nothing
    for restored in zip(*(death["left"] for death in deaths), strict=True):
        steps = [step for step, _ in restored]
        # never half of one and half of another, and none lost that was there
        assert [values for _, values in restored] == [[step] for step in steps]
        assert steps == sorted(steps)
        assert set(steps) == {0, 5, 10, 15}
    for death in deaths:
        assert death["then"] == [[15, [15]], [15, [15]]]
        kept = ["best-00000015", "step-00000010", "step-00000015"]
        assert death["names"] == kept
