import pytest

from trainer.metrics.summary import CocoSummary
from trainer.training.callbacks.state import TrainingState


@pytest.fixture
def state():
    """Of a training of 20 steps, 10 an epoch."""
    return TrainingState(train_steps=20, steps_per_epoch=10)


@pytest.fixture
def summary():
    """An evaluation of one class."""
    metrics = {"AP": 0.25, "AP50": 0.5, "AR100": 0.4}
    return CocoSummary(
        metrics=metrics, per_class={"cat": metrics}, difficult="ignore", num_images=2
    )
