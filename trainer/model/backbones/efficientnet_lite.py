"""EfficientNet-Lite0 (Tan and Le 2019; no squeeze and excite, ReLU6): 3.0 M parameters.

Its ImageNet weights come as torch's file; the layers below are named after its entries.
"""

import functools
from collections.abc import Iterator

import keras

from schemas.user_error import UserError
from trainer.model.backbones.conv_norm import NormRelu, conv_norm
from trainer.model.backbones.torch_file import read_torch_file

# (stage, kernel, stride, expansion, filters, blocks); what lies before P2 is the stem
GROUPS = (
    ("stem", 3, 1, 1, 16, 1),
    ("stack0", 3, 2, 6, 24, 2),
    ("stack1", 5, 2, 6, 40, 2),
    ("stack2", 3, 2, 6, 80, 3),
    ("stack2", 5, 1, 6, 112, 3),
    ("stack3", 5, 2, 6, 192, 4),
    ("stack3", 3, 1, 6, 320, 1),
)
STEM_FILTERS = 32
# pixels come normalised by mean and std; these weights take (pixel - 127) / 128
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SCALE = [std / 128 for std in STD]
OFFSET = [(mean - 127) / 128 for mean in MEAN]
# as in Google's training
_norm = NormRelu(epsilon=1e-3, bound=6.0)
_conv = functools.partial(conv_norm, after=_norm, size=1)
NORM_ENTRIES = ("weight", "bias", "running_mean", "running_var")


def efficientnet_lite0() -> keras.Model:
    """Images [B, H, W, 3] -> {"P2": [B, H/4, W/4, 24], ... "P5": [.., H/32, .., 320]}.

    Sizes round up: `padding="same"` pads as Google's training did.
    """
    image = keras.Input((None, None, 3), name="image")
    features = keras.layers.Rescaling(SCALE, OFFSET, name="rescale")(image)
    features = _conv(features, STEM_FILTERS, "stem", size=3, stride=2)
    outputs = {}
    number = 0
    for stage, kernel, stride, expansion, filters, blocks in GROUPS:
        for place in range(blocks):
            features = _block(
                features,
                filters,
                f"{stage}_block{number}",
                kernel=kernel,
                stride=stride if place == 0 else 1,
                expansion=expansion,
            )
            number += 1
        if stage != "stem":
            outputs[f"P{int(stage[-1]) + 2}"] = features
    return keras.Model(image, outputs, name="efficientnet_lite0")


def load_torch_weights(backbone: keras.Model, path: str) -> None:
    """Set all weights of an EfficientNet-Lite0 from its state dict.

    Entries that the backbone has no layer for, the classifier's, are left. Raises
    UserError where the file is none, or lacks an entry or has it in another shape.
    """
    stored = read_torch_file(path)
    for layer in backbone.layers:
        names = list(_entries(layer))
        if not names:
            continue
        missing = [name for name in names if name not in stored]
        if missing:
            raise UserError(_does_not_fit(path, f"{missing[0]} is not in it"))
        values = [stored[name] for name in names]
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            # torch has [channels, 1, h, w], Keras [h, w, channels, 1]
            values = [values[0].transpose(2, 3, 0, 1)]
        elif isinstance(layer, keras.layers.Conv2D):
            # torch has [out, in, h, w], Keras [h, w, in, out]
            values = [values[0].transpose(2, 3, 1, 0)]
        for name, weight, value in zip(names, layer.weights, values, strict=True):
            if tuple(weight.shape) != value.shape:
                there = f"{tuple(weight.shape)} here, {value.shape} there"
                raise UserError(_does_not_fit(path, f"{name} is {there}"))
            weight.assign(value)


def _does_not_fit(path: str, why: str) -> str:
    return (
        f"model.backbone_weights: {path} does not fit efficientnet_lite0: {why}; give "
        "a state dict of the package efficientnet-lite-pytorch's model"
    )


def _entries(layer: keras.layers.Layer) -> Iterator[str]:
    """Names in the state dict of what a layer's weights are, in the layer's order."""
    place, _, part = layer.name.rpartition("_")
    if part not in ("conv", "bn"):
        return
    block, _, role = place.partition("_block")
    number, _, role = role.partition("_")
    if block == place:  # the stem's own
        yield from ["_conv_stem.weight"] if part == "conv" else _norm_entries("_bn0")
    elif part == "conv":
        yield f"_blocks.{number}._{role}_conv.weight"
    else:
        norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[role]
        yield from _norm_entries(f"_blocks.{number}.{norm}")


def _norm_entries(norm: str) -> list[str]:
    return [f"{norm}.{entry}" for entry in NORM_ENTRIES]


def _block(
    features: keras.KerasTensor,
    filters: int,
    name: str,
    *,
    kernel: int,
    stride: int,
    expansion: int,
) -> keras.KerasTensor:
    """An inverted residual: wider by 1x1, filtered by channel, narrower by 1x1."""
    entered = features
    if expansion > 1:
        wide = features.shape[-1] * expansion
        features = _conv(features, wide, f"{name}_expand")
    features = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise_conv",
    )(features)
    features = _norm(features, f"{name}_depthwise")
    features = _conv(features, filters, f"{name}_project", relu=False)
    if stride == 1 and entered.shape[-1] == filters:
        features = keras.layers.Add(name=f"{name}_add")([features, entered])
    return features
