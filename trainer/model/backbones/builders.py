"""Backbones by name, and the weights that each takes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras

from schemas.user_error import UserError
from trainer.model.backbones.efficientnet_lite import (
    efficientnet_lite0,
    load_torch_weights,
)
from trainer.model.backbones.freezing import freeze
from trainer.model.backbones.imagenet_package import packaged_weights
from trainer.model.backbones.light import light_backbone
from trainer.model.backbones.resnet import resnet
from trainer.model.backbones.weights_file import load_weights_file
from trainer.model.config import ModelConfig

PRESET = "preset"
SAVED_BY_KERAS = ".weights.h5"


class Backbone(NamedTuple):
    """A builder of P2..P5, strides 4 to 32, and what it starts from.

    `build` takes "" (untrained), "preset" where `has_preset`, or a file whose name ends
    as one of `files` does. Of a preset that an installed package carries,
    `preset_file` gives the path, and raises UserError where it is not there.
    """

    build: Callable[[str], keras.Model]
    files: tuple[str, ...] = ()
    has_preset: bool = False
    preset_file: Callable[[], str] | None = None


def _lite0(weights: str) -> keras.Model:
    backbone = efficientnet_lite0()
    if weights:
        file = packaged_weights() if weights == PRESET else weights
        load_torch_weights(backbone, file)
    return backbone


def _resnet(
    block_type: str, blocks: tuple[int, int, int, int], preset: str = ""
) -> Backbone:
    # KerasHub converts timm's plain ResNets, and not their vd variants
    files = () if block_type.endswith("_vd") else (".safetensors",)
    return Backbone(resnet(block_type, blocks, preset), files, bool(preset))


# the name is what a config says
BACKBONES: dict[str, Backbone] = {
    "light": Backbone(lambda weights: light_backbone()),
    "efficientnet_lite0": Backbone(
        _lite0, (".pth", ".pt"), has_preset=True, preset_file=packaged_weights
    ),
    "resnet18": _resnet("basic_block", (2, 2, 2, 2), "resnet_18_imagenet"),
    "resnet34": _resnet("basic_block", (3, 4, 6, 3)),
    "resnet50": _resnet("bottleneck_block", (3, 4, 6, 3), "resnet_50_imagenet"),
    "resnet101": _resnet("bottleneck_block", (3, 4, 23, 3), "resnet_101_imagenet"),
    "resnet18_vd": _resnet("basic_block_vd", (2, 2, 2, 2), "resnet_vd_18_imagenet"),
    "resnet34_vd": _resnet("basic_block_vd", (3, 4, 6, 3), "resnet_vd_34_imagenet"),
    "resnet50_vd": _resnet(
        "bottleneck_block_vd", (3, 4, 6, 3), "resnet_vd_50_imagenet"
    ),
    "resnet101_vd": _resnet(
        "bottleneck_block_vd", (3, 4, 23, 3), "resnet_vd_101_imagenet"
    ),
}


def require_backbone(config: ModelConfig) -> None:
    """Raise UserError where `config` names a backbone or weights that are not there."""
    name, weights = config.backbone, config.backbone_weights
    if name not in BACKBONES:
        raise UserError(
            f"model.backbone: no {name!r}; there are {', '.join(BACKBONES)}"
        )
    backbone = BACKBONES[name]
    if weights == PRESET and not backbone.has_preset:
        others = [other for other, it in BACKBONES.items() if it.has_preset]
        raise UserError(
            f"model.backbone_weights is {PRESET!r}, but {name} has none: leave it "
            "empty, give a .weights.h5 file, or take a backbone that has: "
            f"{', '.join(others)}"
        )
    weights_path(config)  # raises where a package is not installed
    if weights in ("", PRESET):
        return
    kinds = (SAVED_BY_KERAS, *backbone.files)
    if not Path(weights).is_file():
        raise UserError(
            f"model.backbone_weights: no file {weights}; give a file "
            f"({', '.join(kinds)}), {PRESET!r} for ImageNet's where the backbone has "
            "them, or leave it empty"
        )
    # any other name is taken for one of Keras's, which then says what is in it
    known = {kind for it in BACKBONES.values() for kind in it.files}
    if weights.endswith(tuple(known.difference(kinds))):
        raise UserError(
            f"model.backbone_weights: {name} is not read from {weights}; give a file "
            f"that ends with {' or '.join(kinds)}"
        )


def weights_path(config: ModelConfig) -> str:
    """The file that the backbone's weights come from; "" where they come from none."""
    weights = config.backbone_weights
    if weights != PRESET:
        return weights
    find = BACKBONES[config.backbone].preset_file
    return find() if find else ""


def build_backbone(config: ModelConfig) -> keras.Model:
    """The backbone that `config` names, with its weights, frozen as it says."""
    require_backbone(config)
    builder = BACKBONES[config.backbone]
    weights = config.backbone_weights
    if weights in ("", PRESET) or weights.endswith(builder.files):
        backbone = builder.build(weights)
    else:
        backbone = builder.build("")
        load_weights_file(backbone, weights)
    freeze(backbone, config)
    return backbone
