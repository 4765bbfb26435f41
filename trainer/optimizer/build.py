"""The Keras optimiser that a config describes."""

from typing import Any

import keras
from keras import ops

from trainer.model.parts.replicas import mean_over_replicas, num_replicas
from trainer.optimizer.config import (
    CosineSchedule,
    OptimizerConfig,
    PiecewiseSchedule,
)

Tensor = Any
# weight decay leaves what only shifts or scales alone (bag of tricks, section 3.1)
NOT_DECAYED = ("bias", "gamma", "beta")
MAX_WARMUP_FRACTION = 0.1  # of a training shorter than its schedule was made for


class _WholeBatchMixin:
    """Clips the gradient of the global batch.

    Keras clips each replica's gradient before it sums them, which gives another
    step than one device would take. `gradient_norm` is that of the newest step,
    before it was clipped.

    `slower`, places among the trainable variables, learn at `slower_rate` of the
    learning rate. Those of them that are `decayed` decay at that rate, too, as torch's
    parameter groups do, and so not in Keras's way.
    """

    clip_global_norm: float = 0.0
    gradient_norm: keras.Variable
    slower_rate: float = 1.0
    slower: frozenset[int] = frozenset()
    decayed: frozenset[int] = frozenset()

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables by the clipped gradients."""
        grads = _mean_of_replicas(list(grads))
        norm = _global_norm(grads)
        self.gradient_norm.assign(norm)
        if self.clip_global_norm > 0:
            factor = self.clip_global_norm / ops.maximum(norm, self.clip_global_norm)
            grads = [g if g is None else g * ops.cast(factor, g.dtype) for g in grads]
        super().apply(grads, trainable_variables)  # type: ignore[misc]

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        """Keras's step, at the variable's own rate."""
        place = self._get_variable_index(variable)  # type: ignore[attr-defined]
        if place in self.slower:
            learning_rate = learning_rate * self.slower_rate
        if place in self.decayed:
            decay = ops.cast(self.weight_decay * learning_rate, variable.dtype)  # type: ignore[attr-defined]
            self.assign_sub(variable, decay * variable)  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]


class _InPlaceSGD(keras.optimizers.SGD):
    """SGD whose momentum is applied in place."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        """Keras's step, on TensorFlow in place.

        Its operations would take memory for all momenta once more, and that from the
        beginning of the training step to its end.
        """
        if keras.backend.backend() != "tensorflow" or self.momentum == 0:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        velocity = self.momentums[self._get_variable_index(variable)]
        # velocity = momentum * velocity - rate * gradient; variable += velocity
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.constant(self.momentum, variable.dtype),
        )


class WholeBatchSGD(_WholeBatchMixin, _InPlaceSGD):
    """SGD on the clipped gradient of the global batch."""


class WholeBatchAdamW(_WholeBatchMixin, keras.optimizers.AdamW):
    """AdamW on the clipped gradient of the global batch."""


def build_optimizer(
    config: OptimizerConfig, train_steps: int, model: Any = None
) -> keras.optimizers.Optimizer:
    """The optimiser for a training of `train_steps` steps.

    The backbone of `model`, where one is given, learns at `config.backbone_rate` of the
    learning rate; the optimiser is then that of this model's trainable variables.
    """
    shared = {
        # checkpoints know variables by path, and Keras numbers unnamed optimisers
        "name": "optimizer",
        "learning_rate": build_schedule(config.schedule, train_steps),
        "weight_decay": config.weight_decay or None,
    }
    optimizer: Any
    if config.kind == "sgd":
        optimizer = WholeBatchSGD(momentum=config.momentum, **shared)
    else:
        optimizer = WholeBatchAdamW(**{**shared, "weight_decay": config.weight_decay})
    optimizer.clip_global_norm = config.clip_global_norm
    optimizer.gradient_norm = optimizer.add_variable(
        shape=(), aggregation="only_first_replica", name="gradient_norm"
    )
    slower = [] if model is None else model.backbone.trainable_variables
    if config.backbone_rate == 1 or not slower:
        optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
        return optimizer
    optimizer.exclude_from_weight_decay(slower, list(NOT_DECAYED))
    places = {id(each): at for at, each in enumerate(model.trainable_variables)}
    optimizer.slower_rate = config.backbone_rate
    optimizer.slower = frozenset(places[id(each)] for each in slower)
    if config.weight_decay:
        optimizer.decayed = frozenset(
            places[id(each)] for each in slower if each.name not in NOT_DECAYED
        )
    return optimizer


def unscaled_optimizer(model: Any) -> Any:
    """The optimiser that `build_optimizer` gave to the model's `compile`.

    In mixed float16 Keras wraps it in one that scales the loss.
    """
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


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


def _mean_of_replicas(grads: list[Tensor]) -> list[Tensor]:
    """The replicas' mean, of which Keras will apply the sum over the replicas."""
    if num_replicas() == 1:
        return grads
    return [g if g is None else mean_over_replicas(g) for g in grads]


def _global_norm(grads: list[Tensor]) -> Tensor:
    """Of the global batch's gradient, from each replica's share of it; float32."""
    squares = [
        ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads if g is not None
    ]
    return ops.sqrt(sum(squares)) * num_replicas()
