import types

from trainer.training.callbacks.stop_early import StopEarly


def test_training_stops_after_so_many_epochs_without_a_better_map(state):
    callback = StopEarly(state, patience=2)
    callback.set_model(types.SimpleNamespace(stop_training=False))
    state.epochs_since_best = 1.5
    callback.on_epoch_end(0)
    assert not callback.model.stop_training
    state.epochs_since_best = 2.0
    callback.on_epoch_end(1)
    assert callback.model.stop_training
