"""The Tuner's entry point for TFX: trainings with other values, judged by their mAP."""

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
from keras_tuner.engine import base_tuner
from keras_tuner.errors import FatalError
from tfx.components.tuner.component import TunerFnResult

from schemas.config_json import from_json
from trainer.config import TrainerConfig
from trainer.evaluation.evaluate import compiled_detector, evaluate_batches
from trainer.input.records import index_records
from trainer.input.undecodable import undecodable_named
from trainer.levels import with_fitting_levels
from trainer.run_fn import label_map_of, training_data
from trainer.search_space import LogRange, TunerConfig, with_values
from trainer.train import train
from trainer.training.callbacks.non_finite import NonFiniteLossError
from trainer.training.checkpoint_copy import is_in_store

_LOG = logging.getLogger(__name__)
OBJECTIVE = "mAP"
# What KerasTuner knows a search by, in this order: each file may name the ones before.
_SEARCH_FILES = ("tuner/trial_*/trial.json", "tuner/oracle.json", "tuner/tuner0.json")


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """A search that TFX's Tuner runs; `custom_config` also holds `tuner_config`.

    Its trials are kept in `checkpoint_dir`: finished ones are not run again after a
    kill, and the one under way goes on. In a store they are copies of what lies in a
    local folder, which KerasTuner needs, and the one under way starts anew.
    """
    custom = fn_args.custom_config
    tuner_config = from_json(TunerConfig, custom["tuner_config"], "tuner")
    base = dataclasses.replace(
        from_json(TrainerConfig, custom["trainer_config"], "trainer"),
        num_epochs=tuner_config.num_epochs,
        train_steps=0,
        evaluate_every_epochs=tuner_config.num_epochs,
        evaluate_every_steps=0,
        doctor=False,  # the training after the search has it
    )
    # as long as the search's own epochs, whatever follows in the real training
    first_only = dataclasses.replace(base.unfreezing, num_epochs=0)
    base = dataclasses.replace(base, unfreezing=first_only)
    label_map = label_map_of(fn_args)

    def map_of(config: TrainerConfig, directory: str) -> float:
        keras.backend.clear_session()  # else the graphs of all trials stay
        config = with_fitting_levels(config, index_records(fn_args.train_files))
        data = training_data(config, fn_args, label_map)
        with undecodable_named(fn_args.train_files, fn_args.eval_files):
            model = train(config, data, directory, f"{directory}/logs")
            detect = compiled_detector(model)
            summary = evaluate_batches(detect, data.evaluation(), data.class_names)
        return float(summary.metrics["AP"])

    kept = custom["checkpoint_dir"]
    store = kept if is_in_store(kept) else ""
    directory = fn_args.working_dir if store or not kept else kept
    return TunerFnResult(
        tuner=MapTuner(tuner_config, base, map_of, directory, store), fit_kwargs={}
    )


class MapTuner(base_tuner.BaseTuner):
    """A search for the config of the best `map_of(config, checkpoint directory)`.

    Args:
      config: how to search.
      base: the training that values are put into.
      map_of: trains and judges one.
      directory: where the search lies, on this machine.
      store: URI where its finished trials are copied to, and fetched from; "" for none.
    """

    def __init__(
        self,
        config: TunerConfig,
        base: TrainerConfig,
        map_of: Callable[[TrainerConfig, str], float],
        directory: str,
        store: str = "",
    ) -> None:
        oracle = _oracle(config)
        oracle.verbose = 0  # its table goes to stdout, which is for the summary
        os.makedirs(directory, exist_ok=True)
        self._store = store
        if store:
            _copy_search(store, directory)
        super().__init__(oracle, directory=directory, project_name="tuner")
        self._base = base
        self._map_of = map_of

    def run_trial(self, trial: Any) -> dict[str, float]:
        """Train once; a training that diverges finds nothing: mAP 0."""
        values = trial.hyperparameters.values
        config = with_values(self._base, values)
        directory = os.path.join(self.get_trial_dir(trial.trial_id), "training")
        try:
            map_ = self._map_of(config, directory)
        except NonFiniteLossError as error:
            _LOG.warning("trial %s: %s", trial.trial_id, error)
            map_ = 0.0
        except Exception as error:
            # KerasTuner would count any other mistake as a bad trial, and go on
            raise FatalError(f"trial {trial.trial_id} of {values} broke off") from error
        shutil.rmtree(directory, ignore_errors=True)
        _LOG.info("trial %s: mAP %.4f with %s", trial.trial_id, map_, _line(values))
        return {OBJECTIVE: map_}

    def save(self) -> None:
        """KerasTuner's own, after each trial."""
        super().save()
        if self._store:
            _copy_search(str(self.directory), self._store)

    def search_space_summary(self, extended: bool = False) -> None:
        """Into the log, not onto stdout."""
        del extended
        for name in self.oracle.get_space().values:
            _LOG.info("tuning %s", name)

    def results_summary(self, num_trials: int = 1) -> None:
        """The best, into the log."""
        for trial in self.oracle.get_best_trials(num_trials):
            _LOG.info(
                "best: mAP %.4f with %s",
                trial.score,
                _line(trial.hyperparameters.values),
            )


def _copy_search(source: str, target: str) -> None:
    for pattern in _SEARCH_FILES:
        for path in tf.io.gfile.glob(f"{source}/{pattern}"):
            name = path.removeprefix(source).lstrip("/")
            tf.io.gfile.makedirs(os.path.dirname(f"{target}/{name}"))
            tf.io.gfile.copy(path, f"{target}/{name}", overwrite=True)


def _oracle(config: TunerConfig) -> Any:
    space = keras_tuner.HyperParameters()
    for dimension in config.space:
        if isinstance(dimension, LogRange):
            space.Float(dimension.field, dimension.low, dimension.high, sampling="log")
        else:
            space.Choice(dimension.field, [json.dumps(v) for v in dimension.values])
    oracles = {
        "random": keras_tuner.oracles.RandomSearchOracle,
        "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    }
    return oracles[config.oracle](
        objective=keras_tuner.Objective(OBJECTIVE, "max"),
        max_trials=config.trials,
        hyperparameters=space,
        seed=config.seed,
    )


def _line(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
