import keras
import keras_hub
import numpy as np
import pytest
import requests

from schemas.user_error import UserError
from trainer.model.backbones.builders import BACKBONES, build_backbone
from trainer.model.backbones.light import light_backbone
from trainer.model.config import ModelConfig


def frozen_names(backbone):
    return {
        layer.name for layer in backbone.layers if layer.weights and not layer.trainable
    }


def test_the_light_backbone_has_four_stages_of_halving_size():
    outputs = light_backbone()(np.zeros((1, 100, 64, 3), "float32"))
    shapes = {name: tuple(value.shape[1:]) for name, value in outputs.items()}
    assert shapes == {
        "P2": (25, 16, 32),
        "P3": (13, 8, 64),
        "P4": (7, 4, 128),
        "P5": (4, 2, 256),
    }


@pytest.mark.parametrize("name", ["resnet18", "resnet34_vd"])
def test_resnets_give_the_same_stages(name):
    backbone = build_backbone(ModelConfig(backbone=name))
    shapes = backbone.compute_output_shape((None, 64, 64, 3))
    assert {key: shape[1] for key, shape in shapes.items()} == {
        "P2": 16,
        "P3": 8,
        "P4": 4,
        "P5": 2,
    }


def test_an_unknown_backbone_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"no 'vgg'; there are light, efficient"):
        build_backbone(ModelConfig(backbone="vgg"))
    assert "resnet101_vd" in BACKBONES


def test_stages_are_frozen_from_the_stem():
    assert frozen_names(build_backbone(ModelConfig(backbone="light"))) == set()
    two = frozen_names(build_backbone(ModelConfig(backbone="light", frozen_stages=2)))
    assert "stem_1_conv" in two
    assert "stack0_block0_1_bn" in two
    assert "stack1_block0_1_conv" not in two
    whole = build_backbone(ModelConfig(backbone="light", frozen_stages=5))
    assert whole.trainable_weights == []


def test_batch_norm_alone_can_be_frozen():
    frozen = build_backbone(ModelConfig(backbone="light", freeze_batch_norm=True))
    assert all(name.endswith("_bn") for name in frozen_names(frozen))


def test_on_one_device_batch_norm_has_nothing_to_synchronise():
    # Keras's synchronised moments are E(x^2) - E(x)^2: less exact, and slower
    norms = [
        layer
        for layer in build_backbone(ModelConfig(backbone="light")).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert norms
    assert not any(norm.synchronized for norm in norms)


def test_missing_weights_are_one_clear_line(tmp_path):
    config = ModelConfig(backbone="light", backbone_weights=str(tmp_path / "no.h5"))
    with pytest.raises(UserError, match=r"no file .*no.h5; give a"):
        build_backbone(config)


def test_a_backbone_without_a_preset_says_so():
    config = ModelConfig(backbone="light", backbone_weights="preset")
    with pytest.raises(
        UserError, match=r"light has none: .* efficientnet_lite0, resnet18, "
    ):
        build_backbone(config)


@pytest.mark.parametrize(
    ("name", "file", "kinds"),
    [
        ("light", "w.pth", r"\.weights\.h5"),
        ("light", "w.safetensors", r"\.weights\.h5"),
        ("efficientnet_lite0", "w.safetensors", r"\.weights\.h5 or \.pth or \.pt"),
        ("resnet50_vd", "w.safetensors", r"\.weights\.h5"),
        ("resnet50", "w.pth", r"\.weights\.h5 or \.safetensors"),
    ],
)
def test_files_of_another_backbones_kind_are_refused(tmp_path, name, file, kinds):
    path = tmp_path / file
    path.touch()
    with pytest.raises(UserError, match=rf"{name} is not read from .*with {kinds}$"):
        build_backbone(ModelConfig(backbone=name, backbone_weights=str(path)))


DOWNLOADED = [
    name for name, it in BACKBONES.items() if it.has_preset and not it.preset_file
]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_presets_are_of_the_backbones_that_take_them(name, monkeypatch):
    asked = []

    def from_preset(preset):
        asked.append(preset)
        raise requests.exceptions.ConnectionError("no route to host")

    monkeypatch.setattr(keras_hub.models.ResNetBackbone, "from_preset", from_preset)
    config = ModelConfig(backbone=name, backbone_weights="preset")
    with pytest.raises(UserError, match=r"could not be downloaded \(ConnectionError\)"):
        build_backbone(config)
    (preset,) = asked
    assert preset in keras_hub.models.ResNetBackbone.presets
    # resnet50_vd -> resnet_vd_50_imagenet
    layers = "".join(filter(str.isdigit, name))
    assert preset.split("_")[-2] == layers
    assert ("_vd" in preset) == name.endswith("_vd")
