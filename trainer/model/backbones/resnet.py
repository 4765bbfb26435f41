"""KerasHub's ResNets: untrained, with its own ImageNet weights, or with timm's."""

from collections.abc import Callable
from typing import Any

import keras

from schemas.user_error import UserError
from trainer.model.backbones.timm_resnet import load_timm_weights
from trainer.model.parts.batch_norm import with_fused_batch_norm

STAGE_NAMES = ("P2", "P3", "P4", "P5")


def resnet(
    block_type: str, blocks: tuple[int, int, int, int], preset: str = ""
) -> Callable[[str], keras.Model]:
    """A builder: from "preset", KerasHub's of that name, timm's file, or untrained."""

    def build(weights: str) -> keras.Model:
        if weights == "preset":
            backbone = _downloaded(preset)
        else:
            backbone = _untrained(block_type, blocks)
        if weights.endswith(".safetensors"):
            load_timm_weights(backbone, weights)
        stages = {name: backbone.pyramid_outputs[name] for name in STAGE_NAMES}
        model = keras.Model(backbone.inputs[0], stages, name="resnet_backbone")
        return with_fused_batch_norm(model)

    return build


def _untrained(block_type: str, blocks: tuple[int, int, int, int]) -> Any:
    import keras_hub  # seconds to import: only who asks for a ResNet pays

    deep_stem = block_type.endswith("_vd")
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[32, 32, 64] if deep_stem else [64],
        input_conv_kernel_sizes=[3, 3, 3] if deep_stem else [7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=list(blocks),
        stackwise_num_strides=[1, 2, 2, 2],
        block_type=block_type,
        image_shape=(None, None, 3),
    )


def _downloaded(preset: str) -> Any:
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
