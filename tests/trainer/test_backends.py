import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "forward.py"
ROOT = Path(__file__).parents[2]


def run(backend, path, action, environment):
    done = subprocess.run(
        [sys.executable, PROGRAM, path, action],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": str(ROOT),
            "KERAS_BACKEND": backend,
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_tensorflow_and_jax_agree_on_the_same_weights(tmp_path, quick_to_compile):
    pytest.importorskip("jax")
    path = tmp_path / "weights.npz"
    ours = run("tensorflow", path, "write", quick_to_compile)
    theirs = run("jax", path, "read", quick_to_compile)
    assert (ours["backend"], theirs["backend"]) == ("tensorflow", "jax")
    assert theirs["classes"] == ours["classes"]
    for name in ("logits", "boxes", "scores"):
        assert theirs[name] == pytest.approx(ours[name], rel=1e-3, abs=1e-2)
    assert theirs["loss"] == pytest.approx(ours["loss"], rel=1e-4)
    # after two steps of gradient descent
    assert theirs["trained"] == pytest.approx(ours["trained"], rel=1e-3)
