"""What of a backbone is not trained."""

from typing import Any

import keras

from trainer.model.config import ModelConfig
from trainer.model.parts.replicas import num_replicas_of_scope


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
