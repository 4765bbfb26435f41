"""The Keras optimiser that a config describes."""

from typing import Any

import keras
from keras import ops

from trainer.model.replicas import mean_over_replicas, num_replicas
from trainer.optimizer_config import (
    CosineSchedule,
    OptimizerConfig,
    PiecewiseSchedule,
)

Tensor = Any
# weight decay leaves what only shifts or scales alone (bag of tricks, section 3.1)
NOT_DECAYED = ("bias", "gamma", "beta")
MAX_WARMUP_FRACTION = 0.1  # of a training shorter than its schedule was made for


class _WholeBatchMixin:
    """Clips the gradient of the global batch; leaves averages to the evaluation.

    Keras clips each replica's gradient before it sums them, which gives another
    step than one device would take; and it overwrites the weights by their moving
    average whenever a `fit` ends, which a resumed training cannot have.
    """

    clip_global_norm: float = 0.0

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables by the clipped gradients."""
        if self.clip_global_norm > 0:
            grads = _clip(list(grads), self.clip_global_norm)
        super().apply(grads, trainable_variables)  # type: ignore[misc]

    def finalize_variable_values(self, var_list: Any) -> None:
        """Keep the weights as they are."""


class WholeBatchSGD(_WholeBatchMixin, keras.optimizers.SGD):
    """SGD on the clipped gradient of the global batch."""


class WholeBatchAdamW(_WholeBatchMixin, keras.optimizers.AdamW):
    """AdamW on the clipped gradient of the global batch."""


def build_optimizer(
    config: OptimizerConfig, train_steps: int
) -> keras.optimizers.Optimizer:
    """The optimiser for a training of `train_steps` steps."""
    shared = {
        # checkpoints know variables by path, and Keras numbers unnamed optimisers
        "name": "optimizer",
        "learning_rate": build_schedule(config.schedule, train_steps),
        "weight_decay": config.weight_decay or None,
        "use_ema": config.ema_momentum > 0,
        "ema_momentum": config.ema_momentum,
    }
    optimizer: Any
    if config.kind == "sgd":
        optimizer = WholeBatchSGD(momentum=config.momentum, **shared)
    else:
        optimizer = WholeBatchAdamW(**{**shared, "weight_decay": config.weight_decay})
    optimizer.clip_global_norm = config.clip_global_norm
    optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    return optimizer


def build_schedule(
    config: CosineSchedule | PiecewiseSchedule, train_steps: int
) -> keras.optimizers.schedules.LearningRateSchedule | float:
    """The learning rate as a function of the step, or a constant."""
    schedules = keras.optimizers.schedules
    if isinstance(config, PiecewiseSchedule) and not config.boundaries:
        return config.rates[0]
    if isinstance(config, PiecewiseSchedule):
        return schedules.PiecewiseConstantDecay(
            list(config.boundaries), list(config.rates)
        )
    warmup = min(config.warmup_steps, int(train_steps * MAX_WARMUP_FRACTION))
    if warmup == 0:
        return schedules.CosineDecay(
            config.peak, train_steps, alpha=config.final_fraction
        )
    return schedules.CosineDecay(
        initial_learning_rate=config.peak / 100,
        decay_steps=train_steps - warmup,
        alpha=config.final_fraction,
        warmup_target=config.peak,
        warmup_steps=warmup,
    )


def _clip(grads: list[Tensor], max_norm: float) -> list[Tensor]:
    """This replica's share of the clipped sum of all replicas' gradients."""
    replicas = num_replicas()
    if replicas > 1:
        grads = [g if g is None else mean_over_replicas(g) for g in grads]
    squares = [
        ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads if g is not None
    ]
    # each replica holds the mean; the sum, which will be applied, is that times n
    norm = ops.sqrt(sum(squares)) * replicas
    factor = max_norm / ops.maximum(norm, max_norm)
    return [g if g is None else g * ops.cast(factor, g.dtype) for g in grads]
