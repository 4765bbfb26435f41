import json

import keras
import numpy as np
import pytest

from schemas.user_error import UserError
from trainer.training.averaging import WeightAverage
from trainer.training.checkpoint import CheckpointStore, Progress


def model_of(units=2, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units, name="dense")], name="model"
    )
    model.compile(optimizer=keras.optimizers.Adam(0.1, name="adam"), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def values(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(variable).copy() for variable in variables]


def trained(model):
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    model.train_on_batch(x, y)
    return model


def test_weights_and_optimiser_come_back(tmp_path):
    model = trained(model_of())
    progress = Progress(step=12, best_map=0.5, best_step=9, epochs_since_best=1.5)
    CheckpointStore(tmp_path, "a").save(model, progress)
    other = model_of(seed=1)
    restored = CheckpointStore(tmp_path, "a").restore_latest(other)
    assert (restored.step, restored.best_map) == (12, 0.5)
    assert (restored.best_step, restored.epochs_since_best) == (9, 1.5)
    for expected, actual in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_the_newest_is_taken_and_the_oldest_go(tmp_path):
    store = CheckpointStore(tmp_path, "a")
    for step in (5, 10, 900):
        store.save(model_of(), Progress(step=step))
    assert store.restore_latest(model_of()).step == 900
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-00000010", "step-00000900"]


def test_half_written_checkpoints_do_not_count(tmp_path):
    store = CheckpointStore(tmp_path, "a")
    store.save(model_of(), Progress(step=5))
    (tmp_path / ".step-00000010.77").mkdir()
    assert store.restore_latest(model_of()).step == 5


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, caplog):
    store = CheckpointStore(tmp_path, "a")
    for step in (5, 10):
        store.save(model_of(), Progress(step=step))
    variables = tmp_path / "step-00000010" / "variables.npz"
    variables.write_bytes(variables.read_bytes()[:-40])
    assert store.restore_latest(model_of()).step == 5
    (tmp_path / "step-00000005" / "progress.json").write_text("{")
    assert store.restore_latest(model_of()) is None
    assert "step-00000005 is damaged" in caplog.text


def test_saving_does_not_touch_another_trainings_checkpoints(tmp_path):
    for step in (700, 800, 900):
        CheckpointStore(tmp_path, "a").save(model_of(), Progress(step=step))
    store = CheckpointStore(tmp_path, "b")
    for step in (5, 10, 15):
        store.save(model_of(), Progress(step=step))
    assert store.restore_latest(model_of()).step == 15
    names = sorted(int(path.name[5:]) for path in tmp_path.iterdir())
    assert names == [10, 15, 800, 900]


def test_checkpoints_of_another_training_are_left_aside(tmp_path):
    CheckpointStore(tmp_path, "a").save(model_of(), Progress(step=5))
    CheckpointStore(tmp_path, "a").save_best(model_of(), Progress(step=5))
    other = CheckpointStore(tmp_path, "b")
    assert other.restore_latest(model_of()) is None
    assert other.restore_best(model_of()) is None


def test_an_empty_directory_has_nothing_to_go_on_from(tmp_path):
    store = CheckpointStore(tmp_path / "none", "a")
    assert store.restore_latest(model_of()) is None
    assert store.restore_best(model_of()) is None


def test_the_best_replaces_the_one_before(tmp_path):
    store = CheckpointStore(tmp_path, "a")
    store.save_best(model_of(seed=0), Progress(step=5, best_map=0.1))
    best = model_of(seed=1)
    store.save_best(best, Progress(step=9, best_map=0.3))
    other = model_of(seed=2)
    assert store.restore_best(other).step == 9
    np.testing.assert_array_equal(other.get_weights()[0], best.get_weights()[0])


def test_a_checkpoint_of_another_model_names_what_differs(tmp_path):
    CheckpointStore(tmp_path, "a").save(model_of(units=2), Progress(step=5))
    with pytest.raises(UserError, match=r"dense/kernel', \(3, 4\).*here"):
        CheckpointStore(tmp_path, "a").restore_latest(model_of(units=4))


def test_the_average_comes_back_with_the_rest(tmp_path):
    model = trained(model_of())
    average = WeightAverage(model, 0.9)
    average.follow(1)
    CheckpointStore(tmp_path, "a").save(model, Progress(step=5), average)
    other = model_of(seed=1)
    restored = WeightAverage(other, 0.9)
    CheckpointStore(tmp_path, "a").restore_latest(other, restored)
    for a, b in zip(average.arrays(), restored.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoints_of_an_earlier_format_are_left_aside(tmp_path):
    CheckpointStore(tmp_path, "a").save(model_of(), Progress(step=5))
    path = tmp_path / "step-00000005" / "progress.json"
    said = json.loads(path.read_text())
    assert said.pop("format") == 2
    path.write_text(json.dumps(said))
    assert CheckpointStore(tmp_path, "a").restore_latest(model_of()) is None
