import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from schemas.user_error import UserError
from trainer.training.strategy import distribution_scope, resolve_precision

PROGRAMS = Path(__file__).parents[1] / "programs"
ROOT = Path(__file__).parents[3]


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
def trained_by(backend, count):
    """What `replicas.py` tells: "one" device beside "many"."""
    # what XLA compiles here runs for a second: it need not be fast
    flags = f"--xla_force_host_platform_device_count={count}"
    flags += " --xla_backend_optimization_level=0"
    environment = {"KERAS_BACKEND": backend, "XLA_FLAGS": flags}
    return run_program("replicas.py", count, **environment)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "count"), [("tensorflow", 2), ("jax", 4)])
def test_replicas_take_the_steps_that_one_device_would(backend, count):
    pytest.importorskip(backend)
    told = trained_by(backend, count)
    one, many = told["one"], told["many"]
    assert (one["replicas"], many["replicas"]) == (1, count)
    assert len(one["steps"]) == 12
    # averages, evaluation inside an epoch, checkpoints and TensorBoard
    assert many["saved"] == ["step-00000012", "step-00000014"]
    assert many["same_when_fitted_again"]
    # pyramid and heads on kept features
    np.testing.assert_allclose(many["kept"], one["kept"], rtol=1e-3, atol=1e-5)
    # class loss, box loss and gradient norm, step by step
    np.testing.assert_allclose(many["steps"], one["steps"], rtol=1e-4)
    assert many["norm"] == pytest.approx(one["norm"], rel=1e-5)
    for actual, expected in zip(many["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_statistics_of_each_replica_alone_are_there_for_who_asks():
    told = trained_by("tensorflow", 2)
    assert told["own"]["steps"][-1] != pytest.approx(told["one"]["steps"][-1])


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
    assert resolve_precision("auto", "auto") == "float32"
    assert resolve_precision("mixed_bfloat16", "cpu") == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("device", "expected"), [("GPU", "mixed_bfloat16"), ("CPU", "float32")]
)
def test_precision_is_mixed_where_there_is_an_accelerator(
    monkeypatch, device, expected
):
    def listed(kind=None):
        return [device] if kind == device else []

    monkeypatch.setattr("tensorflow.config.list_logical_devices", listed)
    assert resolve_precision("auto", "auto") == expected
    # a GPU that is not used decides nothing
    assert resolve_precision("auto", "cpu") == "float32"


@pytest.mark.parametrize(
    ("device", "expected"), [("tpu", "mixed_bfloat16"), ("cpu", "float32")]
)
def test_precision_follows_the_devices_of_jax_too(monkeypatch, device, expected):
    jax = pytest.importorskip("jax")
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr(jax, "default_backend", lambda: device)
    assert resolve_precision("auto", "auto") == expected
    # what is named is taken, whatever there is
    assert resolve_precision("float32", "auto") == "float32"


def test_a_batch_that_replicas_cannot_share_is_refused_with_one_they_can():
    program = (
        "import tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "two = [tf.config.LogicalDeviceConfiguration() for _ in range(2)]\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
        "from trainer.training.strategy import require_equal_shares\n"
        "require_equal_shares('mirrored', 8)\n"
        "require_equal_shares('auto', 5)\n"  # two CPUs are no reason to mirror
        "require_equal_shares('mirrored', 5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr.splitlines()[-1] == (
        "schemas.user_error.UserError: trainer.input.global_batch_size 5 cannot be "
        "shared by the 2 devices of trainer.strategy=mirrored: set it to 4, or "
        "trainer.strategy to one device"
    )
