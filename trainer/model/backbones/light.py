"""A narrow residual network for laptops: 1.2 M parameters, 0.5 GMAC at 320 px."""

import functools

import keras

from trainer.model.backbones.conv_norm import NormRelu, conv_norm

# (filters, blocks) of the stages of strides 4, 8, 16, 32
STAGES = ((32, 1), (64, 2), (128, 2), (256, 1))
STEM_FILTERS = 16
_conv = functools.partial(conv_norm, after=NormRelu(epsilon=1e-5), size=3)


def light_backbone() -> keras.Model:
    """Images [B, H, W, 3] -> {"P2": [B, H/4, W/4, 32], ... "P5": [.., H/32, .., 256]}.

    Basic blocks (He et al. 2016) with two strided 3x3 convolutions as stem, which
    cost a fifth of the 7x7 one. Output sizes round up.
    """
    image = keras.Input((None, None, 3), name="image")
    features = _conv(image, STEM_FILTERS, "stem_1", stride=2)
    features = _conv(features, STAGES[0][0], "stem_2", stride=2)
    outputs = {}
    for stage, (filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            name = f"stack{stage}_block{block}"
            features = _block(features, filters, name, stride)
        outputs[f"P{stage + 2}"] = features
    return keras.Model(image, outputs, name="light_backbone")


def _block(
    features: keras.KerasTensor, filters: int, name: str, stride: int
) -> keras.KerasTensor:
    shortcut = features
    if stride > 1:
        shortcut = keras.layers.AveragePooling2D(
            stride, padding="same", name=f"{name}_0_pool"
        )(features)
    if features.shape[-1] != filters:
        shortcut = _conv(shortcut, filters, f"{name}_0", size=1, relu=False)
    features = _conv(features, filters, f"{name}_1", stride=stride)
    features = _conv(features, filters, f"{name}_2", relu=False)
    return keras.layers.ReLU(name=f"{name}_out")(
        keras.layers.Add(name=f"{name}_add")([shortcut, features])
    )
