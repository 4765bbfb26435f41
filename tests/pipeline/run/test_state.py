import importlib.metadata

import keras

from pipeline import presets
from pipeline.overrides import apply_overrides
from pipeline.run.state import checkpoints_name, model_fingerprint
from trainer.preflight import starting_weights_digest


def test_a_model_of_another_backend_is_another_model(monkeypatch):
    # the fingerprint is in the Trainer's parameters: its cache and checkpoints see it
    fingerprints = set()
    for backend in ("tensorflow", "jax"):
        monkeypatch.setattr(keras.backend, "backend", lambda name=backend: name)
        fingerprints.add(model_fingerprint(presets.smoke(), "data", ""))
    assert len(fingerprints) == 2


def test_a_model_from_other_weights_is_another_model(tmp_path):
    path = tmp_path / "light.weights.h5"
    changes = [f"trainer.model.backbone_weights={path}"]
    config = apply_overrides(presets.smoke(), changes)
    fingerprints = {model_fingerprint(config, "data", "")}
    for weights in ("earlier", "newer"):
        path.write_text(weights)
        digest = starting_weights_digest(config.trainer.model)
        fingerprints.add(model_fingerprint(config, "data", digest))
    assert len(fingerprints) == 3


def test_how_a_training_is_watched_makes_no_other_model():
    watched = apply_overrides(
        presets.smoke(),
        [
            "trainer.doctor=false",
            "trainer.tensorboard_images=0",
            "trainer.checkpoint_every_steps=7",
            'trainer.tracking=["mlflow"]',
        ],
    )
    expected = model_fingerprint(presets.smoke(), "data", "")
    assert model_fingerprint(watched, "data", "") == expected
    longer = apply_overrides(presets.smoke(), ["trainer.train_steps=5"])
    assert model_fingerprint(longer, "data", "") != expected


def test_what_a_second_training_is_leaves_the_first_ones_checkpoints_in_use():
    once = apply_overrides(presets.cpu_small(), [])
    twice = apply_overrides(once, ["trainer.unfreezing.num_epochs=10"])
    longer = apply_overrides(once, ["trainer.num_epochs=5"])
    configs = (once, twice, longer)
    models = [model_fingerprint(config, "data", "") for config in configs]
    assert len(set(models)) == 3
    folders = [checkpoints_name(config, "data", "") for config in configs]
    assert folders[0] == folders[1] != folders[2]


def test_another_version_of_jax_counts_where_jax_trains(monkeypatch):
    versions = {"jax": "1.0", "jaxlib": "1.0"}
    known = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: versions.get(name) or known(name)
    )
    for backend, counts in (("tensorflow", False), ("jax", True)):
        monkeypatch.setattr(keras.backend, "backend", lambda name=backend: name)
        fingerprints = set()
        for version in ("1.0", "1.1"):
            versions["jax"] = version
            fingerprints.add(model_fingerprint(presets.smoke(), "data", ""))
        assert (len(fingerprints) == 2) == counts
