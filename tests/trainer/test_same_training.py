import dataclasses

import pytest

from trainer import train as module
from trainer.config import TrainerConfig
from trainer.input.host import Host
from trainer.training.fit import TrainingData


class ComparedError(Exception):
    """All is compared, and no model is built yet."""


def stop(*_):
    raise ComparedError


def test_processes_compare_what_decides_before_a_model_is_built(
    tiny_config, tmp_path, monkeypatch
):
    weights = tmp_path / "mini.weights.h5"
    weights.write_text("earlier")
    model = dataclasses.replace(tiny_config, backbone_weights=str(weights))
    config = TrainerConfig(model=model, train_steps=1)
    data = TrainingData(
        train=lambda step: pytest.fail("read"),
        evaluation=lambda: pytest.fail("read"),
        num_train_examples=1,
        class_names=("ant", "bee"),
        digest="of the data",
        host=Host(1, 2),
    )

    def compared(config, data):
        told = []
        monkeypatch.setattr(
            module, "require_same", lambda what, value, host: told.append(value)
        )
        monkeypatch.setattr(module, "require_equal_shares", stop)
        with pytest.raises(ComparedError):
            module.train(config, data, "", "")
        return tuple(told)

    first = compared(config, data)
    assert compared(config, data) == first
    unlike = {
        compared(dataclasses.replace(config, seed=1), data),
        compared(config, dataclasses.replace(data, digest="of others")),
        compared(config, dataclasses.replace(data, class_names=("bee", "ant"))),
    }
    weights.write_text("newer")
    assert len({first, compared(config, data), *unlike}) == 5
