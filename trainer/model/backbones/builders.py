"""Backbones by name, their weights and what of them is frozen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from schemas.user_error import UserError
from trainer.model.backbones.light import light_backbone
from trainer.model.backbones.weights_file import load_weights_file
from trainer.model.config import ModelConfig
from trainer.model.parts.batch_norm import with_fused_batch_norm
from trainer.model.parts.replicas import num_replicas_of_scope

PRESET = "preset"
STAGE_NAMES = ("P2", "P3", "P4", "P5")


def _resnet(
    block_type: str, blocks: tuple[int, int, int, int]
) -> Callable[[str], keras.Model]:
    """A builder of KerasHub's ResNet: from a preset of it, or untrained for ""."""

    def build(preset: str) -> keras.Model:
        import keras_hub  # seconds to import: only who asks for a ResNet pays

        deep_stem = block_type.endswith("_vd")
        if preset:
            backbone = _downloaded(preset)
        else:
            backbone = keras_hub.models.ResNetBackbone(
                input_conv_filters=[32, 32, 64] if deep_stem else [64],
                input_conv_kernel_sizes=[3, 3, 3] if deep_stem else [7],
                stackwise_num_filters=[64, 128, 256, 512],
                stackwise_num_blocks=list(blocks),
                stackwise_num_strides=[1, 2, 2, 2],
                block_type=block_type,
                image_shape=(None, None, 3),
            )
        stages = {name: backbone.pyramid_outputs[name] for name in STAGE_NAMES}
        model = keras.Model(backbone.inputs[0], stages, name="resnet_backbone")
        return with_fused_batch_norm(model)

    return build


def _downloaded(preset: str) -> keras.Model:
    import keras_hub

    try:
        return keras_hub.models.ResNetBackbone.from_preset(preset)
    except OSError as error:  # of the network, and what Kaggle answers
        raise UserError(
            f"model.backbone_weights: KerasHub's {preset} could not be downloaded "
            f"({type(error).__name__}); that takes the network once: bring "
            "~/.cache/kagglehub (or KAGGLEHUB_CACHE) from where there is one, or give "
            "a .weights.h5 file"
        ) from error


# the name is what a config says; each builder gives P2..P5, strides 4 to 32
BACKBONES: dict[str, Callable[[str], keras.Model]] = {
    "light": lambda preset: light_backbone(),
    "resnet18": _resnet("basic_block", (2, 2, 2, 2)),
    "resnet34": _resnet("basic_block", (3, 4, 6, 3)),
    "resnet50": _resnet("bottleneck_block", (3, 4, 6, 3)),
    "resnet101": _resnet("bottleneck_block", (3, 4, 23, 3)),
    "resnet18_vd": _resnet("basic_block_vd", (2, 2, 2, 2)),
    "resnet34_vd": _resnet("basic_block_vd", (3, 4, 6, 3)),
    "resnet50_vd": _resnet("bottleneck_block_vd", (3, 4, 6, 3)),
    "resnet101_vd": _resnet("bottleneck_block_vd", (3, 4, 23, 3)),
}
# KerasHub's ImageNet weights; the others have none there
PRESETS = {
    "resnet18": "resnet_18_imagenet",
    "resnet50": "resnet_50_imagenet",
    "resnet101": "resnet_101_imagenet",
    "resnet18_vd": "resnet_vd_18_imagenet",
    "resnet34_vd": "resnet_vd_34_imagenet",
    "resnet50_vd": "resnet_vd_50_imagenet",
    "resnet101_vd": "resnet_vd_101_imagenet",
}


def require_backbone(config: ModelConfig) -> None:
    """Raise UserError where `config` names a backbone or weights that are not there."""
    name, weights = config.backbone, config.backbone_weights
    if name not in BACKBONES:
        raise UserError(
            f"model.backbone: no {name!r}; there are {', '.join(BACKBONES)}"
        )
    if weights == PRESET and name not in PRESETS:
        raise UserError(
            f"model.backbone_weights is {PRESET!r}, but {name} has none in KerasHub: "
            "leave it empty, give a .weights.h5 file, or take a backbone that has: "
            f"{', '.join(PRESETS)}"
        )
    if weights not in ("", PRESET) and not Path(weights).is_file():
        raise UserError(
            f"model.backbone_weights: no file {weights}; give a .weights.h5 file, "
            f"{PRESET!r} for the library's, or leave it empty"
        )


def build_backbone(config: ModelConfig) -> keras.Model:
    """The backbone that `config` names, with its weights, frozen as it says."""
    require_backbone(config)
    weights = config.backbone_weights
    preset = PRESETS[config.backbone] if weights == PRESET else ""
    backbone = BACKBONES[config.backbone](preset)
    if weights not in ("", PRESET):
        load_weights_file(backbone, weights)
    _freeze(backbone, config)
    return backbone


def _freeze(backbone: keras.Model, config: ModelConfig) -> None:
    synchronized = config.synchronize_batch_norm and num_replicas_of_scope() > 1
    for layer in backbone.layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if is_norm:
            layer.synchronized = synchronized
        frozen_stage = _stage(layer) <= config.frozen_stages
        if frozen_stage or (is_norm and config.freeze_batch_norm):
            layer.trainable = False


def _stage(layer: Any) -> int:
    """1 for the stem, 2 to 5 for the stages of strides 4 to 32."""
    if not layer.name.startswith("stack"):
        return 1
    return int(layer.name.removeprefix("stack")[0]) + 2
