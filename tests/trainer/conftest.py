import keras
import pytest

from trainer.model.backbones.builders import BACKBONES, Backbone
from trainer.model.build import build_retinanet
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)


def mini_backbone(weights):
    """One convolution a stage: what a backbone must give, and nothing else."""
    assert not weights
    image = features = keras.Input((None, None, 3))
    stages = {}
    for level, stride in ((2, 4), (3, 2), (4, 2), (5, 2)):
        features = keras.layers.Conv2D(
            8, 3, strides=stride, padding="same", name=f"stack{level - 2}_conv"
        )(features)
        features = keras.layers.BatchNormalization(name=f"stack{level - 2}_bn")(
            features
        )
        features = keras.layers.ReLU(name=f"stack{level - 2}_relu")(features)
        stages[f"P{level}"] = features
    return keras.Model(image, stages, name="mini_backbone")


@pytest.fixture(scope="session", autouse=True)
def _mini_backbone_is_known():
    BACKBONES["mini"] = Backbone(mini_backbone)
    yield
    del BACKBONES["mini"]


@pytest.fixture(scope="session")
def tiny_config():
    """The smallest model that has every part."""
    return ModelConfig(
        backbone="mini",
        max_level=5,
        pyramid_filters=8,
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


@pytest.fixture(scope="session")
def quick_to_compile():
    """Environment of a process that compiles for longer than it computes."""
    return {"XLA_FLAGS": "--xla_backend_optimization_level=0"}


@pytest.fixture(scope="module")
def cloud_storage(tmp_path_factory):
    """gs://BUCKET, empty, as TensorFlow sees it; not for modules that speak HTTPS."""
    from cloud_storage import served_cloud_storage

    with served_cloud_storage(tmp_path_factory.mktemp("cloud")) as uri:
        yield uri
