"""Build, look, train: once, or once more with more of the backbone."""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras

from trainer.config import TrainerConfig
from trainer.doctor.examine import examine
from trainer.features.frozen import kept_features
from trainer.model.backbones.freezing import warn_of_random_features
from trainer.model.build import build_retinanet, copy_of
from trainer.optimizer.build import build_optimizer
from trainer.preflight import starting_weights_digest
from trainer.serving.warm_start import warm_start
from trainer.training.callbacks.state import TrainingState
from trainer.training.checkpoint_copy import CheckpointCopy
from trainer.training.fit import TrainingData, fingerprint, fit, is_begun
from trainer.training.hosts import require_same
from trainer.training.strategy import (
    compiles_step,
    distribution_scope,
    require_equal_shares,
    resolve_precision,
)
from trainer.training.tracking import Tracker

_LOG = logging.getLogger(__name__)
Fit = Callable[..., TrainingState]


def train(
    config: TrainerConfig,
    data: TrainingData,
    checkpoint_dir: str,
    log_dir: str,
    trackers: Sequence[Tracker] = (),
    checkpoint_copy: CheckpointCopy | None = None,
) -> Any:
    """A trained RetinaNet with the best weights found."""
    if data.host.count > 1:
        # now: JAX stops without a reason where they build other values
        _require_same_training(config, data)
    keras.utils.set_random_seed(config.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(resolve_precision(config.precision, config.strategy))
    fit_here = functools.partial(
        fit,
        checkpoint_dir=checkpoint_dir,
        log_dir=log_dir,
        trackers=trackers,
        checkpoint_copy=checkpoint_copy,
    )
    try:
        require_equal_shares(config.strategy, config.input.global_batch_size)
        with distribution_scope(config.strategy):
            first, second = config.first_training(), config.second_training()
            model = build_retinanet(first.model, len(data.class_names))
            earlier = first.model.initial_model
            new = warm_start(model, earlier, data.class_names) if earlier else None
            warn_of_random_features(model.backbone, first.model, new)
            ended = _train_first(model, first, data, checkpoint_dir, log_dir, fit_here)
            if second is not None:
                # of these weights: a checkpoint after others is another training's
                data = dataclasses.replace(data, digest=fingerprint(first, data))
                model = _train_on(model, ended, second, data, fit_here)
    finally:
        keras.config.set_dtype_policy(policy)
    return model


def _train_first(
    model: Any,
    first: TrainerConfig,
    data: TrainingData,
    checkpoint_dir: str,
    log_dir: str,
    fit_here: Fit,
) -> TrainingState:
    """The training that begins with new weights; it is the same whatever follows."""
    data = data.until(first.total_steps(data.num_train_examples))
    _compile(model, first, data)
    _examine(model, first, data, checkpoint_dir, log_dir)
    features_dir = os.path.join(checkpoint_dir, "features")
    with kept_features(model, first, data, features_dir) as fed:
        # what follows is the same with and without the doctor
        keras.utils.set_random_seed(first.seed)
        return fit_here(model, first, fed)


def _train_on(
    model: Any,
    ended: TrainingState,
    second: TrainerConfig,
    data: TrainingData,
    fit_here: Fit,
) -> Any:
    """What the second training makes of a trained model, or that, if it is better."""
    # a model of its own: what of it learns is settled when it is built
    unfrozen = copy_of(model, second.model)
    _LOG.info("a second training, with the backbone's last stages")
    _compile(unfrozen, second, data)
    keras.utils.set_random_seed(second.seed)
    data = data.until(ended.step + second.total_steps(data.num_train_examples))
    better = fit_here(unfrozen, second, data, after=ended)
    if better.best_step > ended.step:
        return unfrozen
    _LOG.info("it found no better weights: those of step %d stay", ended.best_step)
    return model


def _compile(model: Any, config: TrainerConfig, data: TrainingData) -> None:
    steps = config.total_steps(data.num_train_examples)
    optimizer = build_optimizer(config.optimizer, steps, model)
    model.compile(optimizer=optimizer, jit_compile=compiles_step(config.jit_compile))
    _LOG.info(
        "training %d parameters for %d steps on %d images",
        model.count_params(),
        steps,
        data.num_train_examples,
    )


def _examine(
    model: Any,
    config: TrainerConfig,
    data: TrainingData,
    checkpoint_dir: str,
    log_dir: str,
) -> None:
    """Ask the doctor, where the config has one and the training is yet to begin."""
    if not config.doctor:
        return
    if data.host.count > 1:
        _LOG.info("doctor: not asked, it looks at a training of one process")
    elif is_begun(config, data, checkpoint_dir):
        _LOG.info("doctor: not asked again, a begun training goes on")
    else:
        examine(model, data, config.input, log_dir, config.doctor_seconds)


def _require_same_training(config: TrainerConfig, data: TrainingData) -> None:
    """UserError, in every process, where one of them would train something else."""
    what = "config, seed, data set or label map"
    require_same(what, fingerprint(config, data), data.host)
    weights = starting_weights_digest(config.model)
    require_same("set of starting weights", weights, data.host)
