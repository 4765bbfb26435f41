"""Backbones by name, their weights and what of them is frozen."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from schemas.user_error import UserError
from trainer.model.batch_norm import with_fused_batch_norm
from trainer.model.config import ModelConfig
from trainer.model.light_backbone import light_backbone
from trainer.model.replicas import num_replicas_of_scope

PRESET = "preset"
STAGE_NAMES = ("P2", "P3", "P4", "P5")


def _resnet(
    preset: str, block_type: str, blocks: tuple[int, int, int, int]
) -> Callable[[bool], keras.Model]:
    """A builder of KerasHub's ResNet: from its ImageNet preset, or untrained."""

    def build(pretrained: bool) -> keras.Model:
        import keras_hub  # seconds to import: only who asks for a ResNet pays

        deep_stem = block_type.endswith("_vd")
        if pretrained:
            _require_preset(preset)
            backbone = keras_hub.models.ResNetBackbone.from_preset(preset)
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


def _light(pretrained: bool) -> keras.Model:
    if pretrained:
        _require_preset("")
    return light_backbone()


def _require_preset(preset: str) -> None:
    if not preset:
        raise UserError(
            "model.backbone_weights is 'preset', but this backbone has none in "
            "KerasHub; leave it empty, give a .weights.h5 file, or take a backbone "
            "that has one"
        )


# the name is what a preset says; each builder gives P2..P5, strides 4 to 32
BACKBONES: dict[str, Callable[[bool], keras.Model]] = {
    "light": _light,
    "resnet18": _resnet("resnet_18_imagenet", "basic_block", (2, 2, 2, 2)),
    "resnet34": _resnet("", "basic_block", (3, 4, 6, 3)),
    "resnet50": _resnet("resnet_50_imagenet", "bottleneck_block", (3, 4, 6, 3)),
    "resnet101": _resnet("resnet_101_imagenet", "bottleneck_block", (3, 4, 23, 3)),
    "resnet18_vd": _resnet("resnet_vd_18_imagenet", "basic_block_vd", (2, 2, 2, 2)),
    "resnet34_vd": _resnet("resnet_vd_34_imagenet", "basic_block_vd", (3, 4, 6, 3)),
    "resnet50_vd": _resnet(
        "resnet_vd_50_imagenet", "bottleneck_block_vd", (3, 4, 6, 3)
    ),
    "resnet101_vd": _resnet(
        "resnet_vd_101_imagenet", "bottleneck_block_vd", (3, 4, 23, 3)
    ),
}


def build_backbone(config: ModelConfig) -> keras.Model:
    """The backbone that `config` names, with its weights, frozen as it says."""
    if config.backbone not in BACKBONES:
        raise UserError(
            f"model.backbone: no {config.backbone!r}; there are {', '.join(BACKBONES)}"
        )
    backbone = BACKBONES[config.backbone](config.backbone_weights == PRESET)
    if config.backbone_weights not in ("", PRESET):
        _load_file(backbone, config.backbone_weights)
    _freeze(backbone, config)
    return backbone


def _load_file(backbone: keras.Model, weights: str) -> None:
    path = Path(weights)
    if not path.is_file():
        raise UserError(
            f"model.backbone_weights: no file {weights}; give a .weights.h5 file, "
            f"{PRESET!r} for the library's, or leave it empty"
        )
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file lacks, and trains on
            warnings.simplefilter("error", UserWarning)
            backbone.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        raise UserError(
            f"model.backbone_weights: {weights} does not fit {backbone.name}: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error


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
