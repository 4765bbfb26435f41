import numpy as np
import pytest
from safetensors.numpy import save_file

from schemas.user_error import UserError
from trainer.model.backbones.builders import build_backbone
from trainer.model.config import ModelConfig

STAGES = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
# per stage its mean and six values of a picture of 75 x 101, as timm 1.0.31 gives them
# under torch 2.5.1 with the weights below
BY_TIMM = {
    "P2": (5.48963, 0.1486214, 0.0, 7.206173, 0.0, 3.5439897, 3.906052),
    "P3": (14.2353, 0.0, 0.0, 23.271872, 30.8737, 13.610077, 11.923987),
    "P4": (28.8897, 0.0, 13.273929, 9.937544, 0.0, 22.474714, 0.0),
    "P5": (47.0552, 17.29638, 6.9777145, 45.377674, 178.51465, 31.83397, 94.305984),
}


def timm_shapes(name):
    """Entry -> shape of timm's ResNet of this name."""
    deep = name == "resnet50"
    shapes = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    entering = 64
    for stage, blocks in enumerate(STAGES[name]):
        narrow = 64 << stage
        wide = narrow * 4 if deep else narrow
        for block in range(blocks):
            place = f"layer{stage + 1}.{block}"
            sizes = [(narrow, 1), (narrow, 3), (wide, 1)] if deep else [(narrow, 3)] * 2
            channels = entering
            for number, (filters, size) in enumerate(sizes, 1):
                shape = (filters, channels, size, size)
                shapes[f"{place}.conv{number}.weight"] = shape
                shapes |= norm(f"{place}.bn{number}", filters)
                channels = filters
            if block == 0 and (stage > 0 or deep):
                shapes[f"{place}.downsample.0.weight"] = (wide, entering, 1, 1)
                shapes |= norm(f"{place}.downsample.1", wide)
            entering = wide
    return shapes | {"fc.weight": (1000, entering), "fc.bias": (1000,)}


def norm(place, filters):
    entries = ("weight", "bias", "running_mean", "running_var")
    counter = {f"{place}.num_batches_tracked": ()}
    return {f"{place}.{entry}": (filters,) for entry in entries} | counter


def timm_arrays(name):
    """Weights drawn entry by entry in the order of their names."""
    random = np.random.default_rng(0)
    arrays = {}
    for entry, shape in sorted(timm_shapes(name).items()):
        if entry.endswith("num_batches_tracked"):
            arrays[entry] = np.array(0)
            continue
        scales = len(shape) == 1 and entry.endswith((".weight", "running_var"))
        if scales:
            values = random.uniform(0.5, 1.5, shape)
        else:
            fan_in = np.prod(shape[1:])
            spread = np.sqrt(2 / fan_in) if len(shape) == 4 else 0.1
            values = random.normal(0, 1, shape) * spread
        arrays[entry] = values.astype("float32")
    return arrays


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "model.safetensors")


def build(name, path):
    return build_backbone(ModelConfig(backbone=name, backbone_weights=path))


def test_features_are_those_of_timm(path, picture, corners):
    save_file(timm_arrays("resnet18"), path)
    found = build("resnet18", path)(picture(75, 101), training=False)
    for stage, (mean, *values) in BY_TIMM.items():
        assert np.mean(found[stage]) == pytest.approx(mean, rel=1e-4)
        np.testing.assert_allclose(corners(found[stage], 3), values, 1e-3, 2e-3)


def test_bottlenecks_take_every_entry(path):
    arrays = timm_arrays("resnet50")
    save_file(arrays, path)
    backbone = build("resnet50", path)
    taken = {name for name in arrays if not name.startswith("fc")}
    taken = {name for name in taken if not name.endswith("num_batches_tracked")}
    assert len(backbone.weights) == len(taken)
    last = backbone.get_layer("stack3_block2_3_conv").kernel
    stored = arrays["layer4.2.conv3.weight"]
    np.testing.assert_array_equal(np.asarray(last), stored.transpose(2, 3, 1, 0))


def test_what_does_not_fit_is_named(path):
    save_file(timm_arrays("resnet18"), path)
    with pytest.raises(UserError, match=r"layer1\.0\.conv1\.weight|downsample"):
        build("resnet50", path)
    with pytest.raises(UserError, match=r"layer1\.2\.conv1\.weight is not in it"):
        build("resnet34", path)


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff" * 8 + b"{}"])
def test_any_other_file_is_one_line(path, data):
    with open(path, "wb") as file:
        file.write(data)
    with pytest.raises(UserError, match="does not fit this ResNet") as raised:
        build("resnet18", path)
    assert "\n" not in str(raised.value)
