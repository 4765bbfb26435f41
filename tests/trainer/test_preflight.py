import dataclasses

import keras
import pytest

from pipeline import presets
from schemas.user_error import UserError
from trainer.model.config import ModelConfig
from trainer.preflight import refuse_impossible, starting_weights_digest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strategy": "gpu"}, "TensorFlow sees no GPU here"),
        ({"model": ModelConfig(backbone="vgg")}, "no 'vgg'; there are light"),
        ({"model": ModelConfig(backbone_weights="/no.h5")}, "no file /no.h5"),
        ({"model": ModelConfig(initial_model="/no")}, "/no is no model exported"),
    ],
)
def test_what_is_not_here_is_refused(fields, message):
    refuse_impossible(presets.cpu_small().trainer)
    with pytest.raises(UserError, match=message):
        refuse_impossible(dataclasses.replace(presets.cpu_small().trainer, **fields))


def test_other_weights_under_the_same_name_have_another_digest(tmp_path):
    weights, served = tmp_path / "w.weights.h5", tmp_path / "served" / "1"
    (served / "variables").mkdir(parents=True)
    data = served / "variables" / "variables.data-00000-of-00001"
    config = ModelConfig(backbone_weights=str(weights), initial_model=str(served))
    digests = set()
    extra = served / "assets.extra"
    extra.mkdir()
    graph, names = served / "saved_model.pb", extra / "label_map.txt"
    for texts in ("aaaa", "baaa", "bbaa", "bbba", "bbbb"):
        # the graph holds the weights, and earlier versions' variables did; the last:
        # whose weights they are
        for path, text in zip((weights, data, graph, names), texts, strict=True):
            path.write_text(text)
        digests.add(starting_weights_digest(config))
    assert len(digests) == 5
    assert "" not in digests


def test_packaged_weights_have_one():
    config = ModelConfig(backbone="efficientnet_lite0", backbone_weights="preset")
    assert starting_weights_digest(config)


@pytest.mark.parametrize("weights", ["", "preset"])
def test_a_training_from_no_file_has_none(weights):
    assert starting_weights_digest(ModelConfig(backbone_weights=weights)) == ""


@pytest.mark.parametrize(
    ("setting", "other", "message"),
    [
        (
            "image_data_format",
            "channels_first",
            "'channels_first', and the detector is",
        ),
        (
            "floatx",
            "float16",
            r"floatx 'float16', .* change it in ~/\.keras/keras\.json",
        ),
    ],
)
def test_a_keras_set_up_for_something_else_is_refused(setting, other, message):
    # What ~/.keras/keras.json does as Keras is imported.
    usual = getattr(keras.config, setting)()
    getattr(keras.config, f"set_{setting}")(other)
    try:
        with pytest.raises(UserError, match=message):
            refuse_impossible(presets.cpu_small().trainer)
    finally:
        getattr(keras.config, f"set_{setting}")(usual)
