"""Checkpoints in a store: TensorFlow's own one in memory, and Cloud Storage."""

import uuid

import pytest
import tensorflow as tf

from trainer.training.checkpoint import CheckpointStore, Progress
from trainer.training.checkpoint_copy import CheckpointCopy, is_in_store


@pytest.fixture(params=["ram", "gs"])
def uri(request):
    in_memory = request.param == "ram"
    place = "ram:/" if in_memory else request.getfixturevalue("cloud_storage")
    return f"{place}/{uuid.uuid4()}/run-Trainer"


@pytest.fixture
def model():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd")
    model.optimizer.build(model.trainable_variables)
    return model


def fetched(uri, folder):
    """What another machine finds: names of files by checkpoint."""
    CheckpointCopy(uri).fetch(folder)
    return {
        found.name: sorted(path.name for path in found.iterdir())
        for found in folder.iterdir()
    }


WHOLE = ["progress.json", "variables.npz"]


def test_another_machine_goes_on_where_the_lost_one_saved(uri, model, tmp_path):
    lost = CheckpointStore(tmp_path / "lost", "a", CheckpointCopy(uri))
    weights = model.layers[0].kernel
    for step in (1, 2, 3):
        weights.assign([[step], [step]])
        lost.save(model, Progress(step=step))
    lost.save_best(model, Progress(step=2, best_map=0.5))
    weights.assign([[0], [0]])
    (tmp_path / "new").mkdir()

    found = fetched(uri, tmp_path / "new")

    # the newest two, and the best: no more there than in the folder
    assert found == dict.fromkeys(["step-00000002", "step-00000003"], WHOLE) | {
        "best-00000002": WHOLE
    }
    restored = CheckpointStore(tmp_path / "new", "a").restore_latest(model)
    assert restored.step == 3
    assert weights.numpy().tolist() == [[3.0], [3.0]]


def test_one_that_was_broken_off_is_not_taken(uri, model, tmp_path):
    store = CheckpointStore(tmp_path / "lost", "a", CheckpointCopy(uri))
    store.save(model, Progress(step=1))
    store.save(model, Progress(step=2))
    tf.io.gfile.remove(f"{uri}/step-00000002/progress.json")  # written last

    (tmp_path / "new").mkdir()
    assert list(fetched(uri, tmp_path / "new")) == ["step-00000001"]


def test_a_step_that_is_saved_anew_replaces_the_first(uri, model, tmp_path):
    store = CheckpointStore(tmp_path / "lost", "a", CheckpointCopy(uri))
    store.save(model, Progress(step=1, best_map=0.1))
    store.save(model, Progress(step=1, best_map=0.2))
    (tmp_path / "new").mkdir()
    fetched(uri, tmp_path / "new")

    restored = CheckpointStore(tmp_path / "new", "a").restore_latest(model)
    assert restored.best_map == 0.2


def test_an_empty_store_gives_nothing(uri, tmp_path):
    assert fetched(uri, tmp_path) == {}


def test_what_is_in_a_store_is_told_by_its_scheme():
    assert is_in_store("gs://bucket/checkpoints")
    assert not is_in_store("/data/checkpoints")
