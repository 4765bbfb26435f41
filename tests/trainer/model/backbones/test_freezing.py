"""Frozen stages that start from nothing are told."""

import dataclasses

import keras
import pytest

from trainer.model.backbones.freezing import warn_of_random_features


@pytest.mark.parametrize(
    ("frozen_stages", "weights", "new", "told"),
    [
        (5, "", None, True),
        (0, "", None, False),
        (5, "preset", None, False),
        (1, "", [], False),  # a warm start filled all
        (1, "", ["head/kernel"], False),
        (1, "", ["head/kernel", "stem"], True),
        (1, "", ["stack0"], False),  # new, and learns
        (2, "", ["stack0"], True),
    ],
)
def test_frozen_stages_that_start_from_nothing_are_told(
    tiny_config, caplog, frozen_stages, weights, new, told
):
    layers = [keras.layers.Dense(2, name=name) for name in ("stem", "stack0_dense")]
    backbone = keras.Sequential([keras.Input((4,)), *layers])
    config = dataclasses.replace(
        tiny_config, frozen_stages=frozen_stages, backbone_weights=weights
    )
    if new:  # a stage stands for what the backbone calls its kernel
        paths = {one.name.partition("_")[0]: one.kernel.path for one in layers}
        new = [paths.get(path, path) for path in new]
    warn_of_random_features(backbone, config, new)
    assert ("what it gives stays random" in caplog.text) == told
