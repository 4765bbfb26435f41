"""From configs to a RetinaNet with all its weights."""

from trainer.model.backbones.builders import build_backbone
from trainer.model.config import ModelConfig
from trainer.model.retinanet import RetinaNet


def build_retinanet(config: ModelConfig, num_classes: int) -> RetinaNet:
    """A built RetinaNet under the dtype policy in force."""
    model = RetinaNet(build_backbone(config), num_classes, config, name="retinanet")
    model.build((None, None, None, 3))
    return model
