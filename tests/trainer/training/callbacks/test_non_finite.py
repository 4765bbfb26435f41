import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from trainer.input.host import Host
from trainer.training.callbacks.non_finite import NonFiniteLossError, StopOnNonFinite

ROOT = Path(__file__).parents[4]
PROGRAM = ROOT / "tests" / "trainer" / "programs" / "broken_gradient.py"


def callback_of(state, image_ids, gradient_norm=1.0):
    callback = StopOnNonFinite(state, image_ids)
    optimizer = types.SimpleNamespace(gradient_norm=gradient_norm)
    callback.set_model(types.SimpleNamespace(optimizer=optimizer))
    return callback


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_images_of_the_batch_are_named(state, bad):
    asked = []

    def image_ids(step):
        asked.append(step)
        return ["000005", "000007"]

    callback = callback_of(state, image_ids)
    state.step = 3
    with pytest.raises(NonFiniteLossError, match=r"box_loss is NaN.*000005, 000007"):
        callback.on_train_batch_end(2, {"class_loss": 1.0, "box_loss": bad})
    assert asked == [2]  # the third step's batch is that of start step 2


def test_a_gradient_that_is_no_number_stops_it_before_a_loss_shows_it(state):
    callback = callback_of(state, lambda step: ["000005"], float("nan"))
    with pytest.raises(NonFiniteLossError, match=r"^gradient norm is NaN.*000005"):
        callback.on_train_batch_end(0, {"loss": 1.0})


def test_of_several_processes_each_names_the_images_that_it_read(state):
    callback = callback_of(state, lambda step: ["000005"], float("nan"))
    callback.host = Host(1, 2)
    with pytest.raises(NonFiniteLossError, match="batch in process 1 of 2: 000005"):
        callback.on_train_batch_end(0, {"loss": 1.0})


def test_finite_losses_pass(state):
    callback = callback_of(state, lambda step: pytest.fail("asked"))
    callback.on_train_batch_end(0, {"loss": 1e30})


@pytest.mark.slow
def test_jax_tells_a_broken_gradient_at_its_step_too():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, PROGRAM],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"},
    )
    said = "gradient norm is NaN or infinite at step 1; images of its batch: 000005."
    assert done.stdout.startswith(said)
