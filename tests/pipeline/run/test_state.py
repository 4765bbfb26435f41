import keras

from pipeline import presets
from pipeline.overrides import apply_overrides
from pipeline.run.state import model_fingerprint
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
