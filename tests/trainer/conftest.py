import pytest

from trainer.model.build import build_retinanet
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)


@pytest.fixture(scope="session")
def tiny_config():
    """The smallest model that has every part."""
    return ModelConfig(
        backbone="light",
        max_level=5,
        pyramid_filters=16,
        pyramid_norm="batch",
        head=HeadConfig(num_convs=1, norm="batch"),
        anchors=AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,)),
        matcher=MatcherConfig(kind="atss"),
        loss=LossConfig(box="giou", box_weight=2.0),
        decoding=DecodingConfig(pre_nms_top_k=50, max_detections=20),
    )


@pytest.fixture(scope="session")
def tiny_model(tiny_config):
    """Untrained; tests must not train it."""
    return build_retinanet(tiny_config, num_classes=3)
