import keras

from pipeline import presets
from pipeline.run_state import model_fingerprint


def test_a_model_of_another_backend_is_another_model(monkeypatch):
    # the fingerprint is in the Trainer's parameters: its cache and checkpoints see it
    fingerprints = set()
    for backend in ("tensorflow", "jax"):
        monkeypatch.setattr(keras.backend, "backend", lambda name=backend: name)
        fingerprints.add(model_fingerprint(presets.smoke(), "data"))
    assert len(fingerprints) == 2
