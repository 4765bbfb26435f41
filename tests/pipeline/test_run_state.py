import keras

from pipeline import presets
from pipeline.overrides import apply_overrides
from pipeline.run_state import model_fingerprint


def test_a_model_of_another_backend_is_another_model(monkeypatch):
    # the fingerprint is in the Trainer's parameters: its cache and checkpoints see it
    fingerprints = set()
    for backend in ("tensorflow", "jax"):
        monkeypatch.setattr(keras.backend, "backend", lambda name=backend: name)
        fingerprints.add(model_fingerprint(presets.smoke(), "data"))
    assert len(fingerprints) == 2


def test_a_model_from_other_weights_is_another_model(tmp_path):
    path = tmp_path / "light.weights.h5"
    changes = [f"trainer.model.backbone_weights={path}"]
    config = apply_overrides(presets.smoke(), changes)
    fingerprints = set()
    for weights in ("earlier", "newer"):
        path.write_text(weights)
        fingerprints.add(model_fingerprint(config, "data"))
    assert len(fingerprints) == 2
    path.unlink()
    assert model_fingerprint(config, data_digest="") not in fingerprints
