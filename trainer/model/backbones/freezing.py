"""What of a backbone is not trained."""

import logging
from collections.abc import Sequence
from typing import Any

import keras

from trainer.model.config import ModelConfig
from trainer.model.parts.replicas import num_replicas_of_scope

_LOG = logging.getLogger(__name__)


def freeze(backbone: keras.Model, config: ModelConfig) -> None:
    """Freeze stages and batch norm as `config` says; the rest of the norms share."""
    synchronized = config.synchronize_batch_norm and num_replicas_of_scope() > 1
    for layer in backbone.layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if is_norm:
            layer.synchronized = synchronized
        frozen_stage = _stage(layer) <= config.frozen_stages
        if frozen_stage or (is_norm and config.freeze_batch_norm):
            layer.trainable = False


def _stage(layer: Any) -> int:
    """1 for the stem, 2 to 5 for the stages of strides 4 to 32."""
    if not layer.name.startswith("stack"):
        return 1
    return int(layer.name.removeprefix("stack")[0]) + 2


def warn_of_random_features(
    backbone: keras.Model, config: ModelConfig, new: Sequence[str] | None
) -> None:
    """Frozen stages that start from nothing stay nothing.

    `new` are the paths of the variables that a warm start left new; None without one.
    """
    frozen = {
        variable.path
        for layer in backbone.layers
        if _stage(layer) <= config.frozen_stages
        for variable in layer.variables
    }
    starts_new = new is None or not frozen.isdisjoint(new)
    if config.frozen_stages and starts_new and not config.backbone_weights:
        _LOG.warning(
            "model.frozen_stages=%d, and what is frozen starts from nothing: what it "
            "gives stays random; set model.backbone_weights, or model.frozen_stages=0",
            config.frozen_stages,
        )
