import math
from pathlib import Path

import pytest
from keras_tuner.errors import FatalError

from pipeline import presets
from trainer.search_space import Choice, LogRange, TunerConfig
from trainer.training.callbacks.non_finite import NonFiniteLossError
from trainer.tune import MapTuner

pytestmark = pytest.mark.slow

PEAK = "trainer.optimizer.schedule.peak"
BOX = "trainer.model.loss.box"
SPACE = (
    LogRange(field=PEAK, low=1e-4, high=1e-2),
    Choice(field=BOX, values=("giou", "ciou")),
)


def search(folder, map_of, trials=6, oracle="random", store=""):
    config = TunerConfig(trials=trials, oracle=oracle, space=SPACE)
    tuner = MapTuner(config, presets.cpu_small().trainer, map_of, str(folder), store)
    tuner.search()
    return tuner


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_the_values_of_the_best_map_win(tmp_path, oracle):
    seen = {}

    def map_of(config, directory):
        rate = config.optimizer.schedule.peak
        assert 1e-4 <= rate <= 1e-2
        assert Path(directory).is_relative_to(tmp_path)
        # the nearer to .002 the better
        value = 0.5 - abs(math.log10(rate / 0.002)) / 10
        seen[value] = (rate, f'"{config.model.loss.box}"')
        return value

    tuner = search(tmp_path, map_of, oracle=oracle)
    assert len(seen) == 6
    best = tuner.get_best_hyperparameters()[0].values
    assert (best[PEAK], best[BOX]) == seen[max(seen)]


def test_trials_that_are_done_are_not_run_again(tmp_path):
    def broken_off(config, directory):
        if len(list(tmp_path.glob("tuner/trial_*"))) == 3:
            raise KeyboardInterrupt
        return 0.1

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, broken_off)
    more = []

    def go_on(config, directory):
        more.append(directory)
        return 0.2

    search(tmp_path, go_on)
    assert len(more) == 6 - 2


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_trials_in_a_store_outlive_the_machine(tmp_path, oracle, cloud_storage):
    store = f"{cloud_storage}/checkpoints/{oracle}-Tuner"
    tried = []

    def lost(config, directory):
        if len(tried) == 2:
            raise KeyboardInterrupt
        tried.append(config.optimizer.schedule.peak)
        return 0.1 * len(tried)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "lost", lost, oracle=oracle, store=store)
    more = []

    def go_on(config, directory):
        more.append(config.optimizer.schedule.peak)
        return 0.05

    tuner = search(tmp_path / "next", go_on, oracle=oracle, store=store)
    assert len(more) == 6 - 2
    assert tuner.get_best_hyperparameters()[0].values[PEAK] == tried[1]


def test_a_training_that_diverges_found_nothing_and_the_next_one_runs(tmp_path):
    def map_of(config, directory):
        if config.model.loss.box == "giou":
            raise NonFiniteLossError("loss is NaN")
        return 0.3

    trials = search(tmp_path, map_of).oracle.trials.values()
    by_box = {t.hyperparameters.values[BOX]: t.score for t in trials}
    assert by_box == {'"giou"': 0.0, '"ciou"': 0.3}


def test_any_other_mistake_stops_the_search(tmp_path):
    def map_of(config, directory):
        raise ZeroDivisionError

    with pytest.raises(FatalError, match="broke off"):
        search(tmp_path, map_of)
