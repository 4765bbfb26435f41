import numpy as np
import pytest
import tensorflow as tf

from schemas.user_error import UserError
from trainer.doctor import overfit as module
from trainer.doctor.overfit import overfit
from trainer.training.fit import TrainingData


@pytest.fixture
def data():
    """A white square in each black image."""
    images = np.zeros((4, 64, 64, 3), "uint8")
    images[:, 10:50, 10:50] = 255
    batch = {
        "images": images,
        "gt_boxes": np.array([[[10, 10, 50, 50]]] * 4, "float32"),
        "gt_classes": np.array([[1]] * 4, "int32"),
        "gt_difficult": np.zeros((4, 1), bool),
    }
    return TrainingData(
        train=lambda step: tf.data.Dataset.from_tensors(batch).repeat(),
        evaluation=lambda: None,
        num_train_examples=8,
        class_names=("ant", "bee", "cow"),
    )


def test_a_model_that_learns_passes_and_is_itself_untouched(data, tiny_model):
    before = [np.asarray(v).copy() for v in tiny_model.variables]
    result = overfit(tiny_model, data, 4, seconds=120, jit_compile=False)
    assert min(result.losses) <= 0.7 * result.losses[0]
    assert result.images_per_s > 0
    assert "of 8 images went from" in result.line()
    assert "undecided" not in result.line()
    for variable, value in zip(tiny_model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value)


def test_a_model_that_does_not_learn_stops_the_run(data, tiny_model, monkeypatch):
    monkeypatch.setattr(module, "RATE", 0.0)
    monkeypatch.setattr(module, "ROUNDS", 3)
    with pytest.raises(UserError, match="does not learn 8 images by heart: their loss"):
        overfit(tiny_model, data, 4, seconds=120, jit_compile=False)


def test_where_the_time_is_up_nothing_is_decided(data, tiny_model, monkeypatch):
    monkeypatch.setattr(module, "RATE", 0.0)
    result = overfit(tiny_model, data, 4, seconds=1e-3, jit_compile=False)
    assert len(result.losses) == 2  # the clock starts with the second
    assert result.line().endswith("in 2 rounds; undecided, the time was up")
