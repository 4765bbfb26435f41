import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.user_error import UserError
from trainer.strategy import distribution_scope, resolve_precision

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]


def run_program(name, *arguments, **environment):
    """The last line that a program of ours prints, as JSON."""
    done = subprocess.run(
        [sys.executable, PROGRAMS / name, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@functools.cache
def one_device():
    return run_program("replicas.py", 1)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_take_the_steps_that_one_device_would(replicas):
    one, many = one_device(), run_program("replicas.py", replicas)
    assert (one["replicas"], many["replicas"]) == (1, replicas)
    assert many["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert many["norm"] == pytest.approx(one["norm"], rel=1e-5)
    assert many["probe"] == pytest.approx(one["probe"], rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_statistics_of_each_replica_alone_are_there_for_who_asks():
    own = run_program("replicas.py", 2, "own")
    assert own["losses"]["loss"] != pytest.approx(one_device()["losses"]["loss"])


def test_a_gpu_that_is_not_there_is_refused_with_what_to_use():
    with pytest.raises(UserError, match=r"sees no GPU here: set trainer.strategy=cpu"):
        distribution_scope("gpu")


def test_mirroring_over_one_device_is_refused():
    with pytest.raises(UserError, match=r"it takes two: set trainer.strategy=auto"):
        distribution_scope("mirrored")


def test_what_tensorflow_would_silently_ignore_is_refused():
    with pytest.raises(UserError, match=r"silently ignores: set trainer.strategy="):
        distribution_scope("data_parallel")


def test_precision_is_float32_on_a_cpu_unless_named():
    assert resolve_precision("auto") == "float32"
    assert resolve_precision("mixed_bfloat16") == "mixed_bfloat16"
