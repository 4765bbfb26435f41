import h5py
import keras
import keras_hub
import numpy as np
import pytest

from schemas.user_error import UserError
from trainer.model.backbones.builders import BACKBONES, build_backbone
from trainer.model.backbones.light import light_backbone
from trainer.model.backbones.weights_file import load_weights_file
from trainer.model.config import ModelConfig

# h5py reads variables through the old __array__ protocol
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "some.weights.h5")


def test_weights_come_from_a_local_file(path):
    source = light_backbone()
    source.save_weights(path)
    loaded = build_backbone(ModelConfig(backbone="light", backbone_weights=path))
    for a, b in zip(source.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_what_kerashub_saved_fits(path):
    source = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
    )
    source.save_weights(path)
    loaded = build_backbone(ModelConfig(backbone="resnet18", backbone_weights=path))
    values = {weight.path: np.asarray(weight) for weight in source.weights}
    for weight in loaded.weights:
        np.testing.assert_array_equal(np.asarray(weight), values.pop(weight.path))
    assert not values


def test_layers_of_another_shape_are_named(path):
    BACKBONES["resnet18"].build("").save_weights(path)
    with pytest.raises(UserError) as raised:
        load_weights_file(BACKBONES["resnet50"].build(""), path)
    message = str(raised.value)
    # a bottleneck begins with a 1x1 convolution, a basic block with a 3x3 one
    first = "stack0_block0_1_conv/kernel is (1, 1, 64, 64) here, (3, 3, 64, 64) there"
    assert first in message
    assert "more; give a file" in message


def test_a_layer_that_the_file_lacks_is_named(path):
    light_backbone().save_weights(path)
    with h5py.File(path, "a") as file:
        del file["layers/conv2d"]
    with pytest.raises(
        UserError, match=r"stem_1_conv/kernel \(3, 3, 3, 16\) is not in"
    ):
        load_weights_file(light_backbone(), path)


def test_any_other_file_is_refused(path):
    with open(path, "w") as file:
        file.write("<html>")
    with pytest.raises(UserError, match="does not fit light_backbone: it is no HDF5"):
        load_weights_file(light_backbone(), path)
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(path)
    with pytest.raises(UserError, match=r"stem_1_conv/kernel .* is not in it; "):
        load_weights_file(light_backbone(), path)
