"""From configs to a RetinaNet with all its weights."""

import dataclasses

from keras import ops

from trainer.model.backbones.builders import build_backbone
from trainer.model.config import ModelConfig
from trainer.model.retinanet import RetinaNet


def build_retinanet(config: ModelConfig, num_classes: int) -> RetinaNet:
    """A built RetinaNet under the dtype policy in force."""
    model = RetinaNet(build_backbone(config), num_classes, config, name="retinanet")
    model.build((None, None, None, 3))
    return model


def build_without_weights(config: ModelConfig, num_classes: int) -> RetinaNet:
    """The same for weights that are set afterwards: reads no file of weights."""
    unread = dataclasses.replace(config, backbone_weights="")
    return build_retinanet(unread, num_classes)


def copy_of(model: RetinaNet, config: ModelConfig | None = None) -> RetinaNet:
    """Another model with the same weights, under the dtype policy in force.

    `config`, where given, may differ from the model's in what of it learns.
    """
    copy = build_without_weights(config or model.config, model.num_classes)
    for variable, value in zip(copy.variables, model.variables, strict=True):
        # an array of its own: JAX gives the memory of one that is trained away
        variable.assign(ops.convert_to_numpy(value).copy())
    return copy
