import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from schemas.config_json import from_json
from schemas.label_map import LabelMap
from schemas.user_error import UserError
from trainer.model.build import build_retinanet
from trainer.model.config import (
    DecodingConfig,
    DetectorConfig,
    HeadConfig,
    ModelConfig,
)
from trainer.serving.litert import to_litert
from trainer.serving.read_back import read_back
from trainer.serving.saved_model import export_model

LABEL_MAP = LabelMap(("ant", "bee", "cow"))
FRAME = (64, 96)
# a prior of .3, so that an untrained model finds something everywhere
HEAD = HeadConfig(num_convs=1, norm="batch", prior=0.3)
DECODING = DecodingConfig(pre_nms_top_k=50, max_detections=20)
MODELS = {
    # conftest's mini backbone has a stride wider than its kernel, which the CPU
    # delegate of TensorFlow 2.21 (XNNPACK) computes as zeros
    "light": ModelConfig(
        backbone="light",
        max_level=5,
        pyramid_filters=8,
        pyramid_norm="batch",
        head=HEAD,
        decoding=DECODING,
    ),
    "class agnostic": ModelConfig(
        backbone="light",
        max_level=5,
        pyramid_filters=8,
        head=dataclasses.replace(HEAD, norm="none"),
        decoding=dataclasses.replace(DECODING, class_agnostic_nms=True),
    ),
    "resnet50_vd": ModelConfig(backbone="resnet50_vd", pyramid_filters=32, head=HEAD),
}
CASES = [
    pytest.param(name, marks=pytest.mark.slow if "resnet" in name else [])
    for name in MODELS
]


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("exported"))
    model = build_retinanet(MODELS[request.param], 3)
    random = np.random.default_rng(5)
    for variable in model.variables:  # batch norms that do something
        noise = random.normal(1.0, 0.1, variable.shape)
        variable.assign(np.asarray(variable) * noise)
    export_model(model, FRAME, LABEL_MAP, directory)
    return directory


@pytest.fixture(scope="module")
def flatbuffer(exported):
    model, detector, label_map = read_back(exported)
    assert label_map == LABEL_MAP
    return to_litert(model, detector.image_size)


def interpreter(flatbuffer):
    return Interpreter(model_content=flatbuffer)


def test_detections_are_those_of_the_saved_model(exported, flatbuffer):
    served = tf.saved_model.load(exported).signatures["serving_images"]
    on_device = interpreter(flatbuffer).get_signature_runner("serving_default")
    random = np.random.default_rng(0)
    for _ in range(5):
        # as large as the frame: letterboxing changes nothing
        frame = random.integers(0, 256, (1, *FRAME, 3)).astype("uint8")
        expected = {k: v.numpy() for k, v in served(images=tf.constant(frame)).items()}
        found = on_device(frame=frame)
        assert expected["num_detections"][0] > 3
        assert found["num_detections"].tolist() == expected["num_detections"].tolist()
        np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-5)
        for one in range(int(expected["num_detections"][0])):
            # scores nearer than their rounding may stand in either order
            gaps = (
                np.abs(found["boxes"][0] - expected["boxes"][0, one]).max(-1)
                + np.abs(found["scores"][0] - expected["scores"][0, one]) * 100
                + (found["classes"][0] != expected["classes"][0, one])
            )
            assert gaps.min() < 2e-3


def test_shapes_and_types_are_fixed(exported, flatbuffer):
    config = Path(exported, "assets.extra", "detector_config.json").read_text()
    detections = from_json(DetectorConfig, config).model.decoding.max_detections
    runner = interpreter(flatbuffer).get_signature_runner("serving_default")
    described = {
        name: (one["shape"].tolist(), one["dtype"])
        for name, one in (
            *runner.get_input_details().items(),
            *runner.get_output_details().items(),
        )
    }
    assert described == {
        "frame": ([1, *FRAME, 3], np.uint8),
        "boxes": ([1, detections, 4], np.float32),
        "scores": ([1, detections], np.float32),
        "classes": ([1, detections], np.int32),
        "num_detections": ([1], np.int32),
    }


def test_every_operation_is_a_builtin_one(flatbuffer):
    # TensorFlow's own are called Flex..., those of an application CUSTOM
    names = {one["op_name"] for one in interpreter(flatbuffer)._get_ops_details()}
    assert {"CONV_2D", "TOPK_V2", "WHILE"} <= names
    assert not [n for n in names if n.startswith("Flex") or "CUSTOM" in n.upper()]


def test_a_folder_that_is_no_model_of_ours_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no model exported by this program"):
        read_back(str(tmp_path))
    extra = tmp_path / "assets.extra"
    extra.mkdir()
    (extra / "detector_config.json").write_text("{")
    with pytest.raises(UserError, match=r"/detector_config.json: detector is no JSON"):
        read_back(str(tmp_path))


def test_a_model_of_another_version_is_refused(exported, monkeypatch):
    module = "trainer.serving.read_back.build_without_weights"
    # the program has changed: more filters than when the model was exported

    def wider(config, num_classes):
        wide = dataclasses.replace(config, pyramid_filters=16)
        return build_retinanet(wide, num_classes)

    monkeypatch.setattr(module, wider)
    with pytest.raises(UserError, match="exported by another version"):
        read_back(exported)
