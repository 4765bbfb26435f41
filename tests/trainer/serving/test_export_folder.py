"""An export, asked by the file that lies in it, finds what the SavedModel finds."""

import importlib.util
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from schemas.label_map import LabelMap
from trainer.model.build import build_retinanet
from trainer.model.config import DecodingConfig, HeadConfig, ModelConfig
from trainer.serving.export_folder import write_export
from trainer.serving.saved_model import export_model

LABEL_MAP = LabelMap(("ant", "bee", "cow"))
FRAME = (64, 96)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model that finds something everywhere, with batch norms that do something."""
    config = ModelConfig(
        backbone="light",
        max_level=5,
        pyramid_filters=8,
        pyramid_norm="batch",
        head=HeadConfig(num_convs=1, norm="batch", prior=0.3),
        box_variance=(0.1, 0.1, 0.2, 0.2),
        decoding=DecodingConfig(pre_nms_top_k=50, max_detections=20),
    )
    keras.utils.set_random_seed(3)
    model = build_retinanet(config, 3)
    random = np.random.default_rng(5)
    for variable in model.variables:
        noise = random.normal(1.0, 0.1, variable.shape)
        variable.assign(np.asarray(variable) * noise)
    directory = str(tmp_path_factory.mktemp("served"))
    export_model(model, FRAME, LABEL_MAP, directory)
    return directory


def frames(count=8):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*FRAME, 3)).astype("uint8") for _ in range(count)]


@pytest.fixture(scope="module")
def answers(served):
    """PNG files and what the SavedModel finds in them."""
    serving = tf.saved_model.load(served).signatures["serving_default"]
    # as large as the frame: letterboxing changes nothing
    pngs = [tf.io.encode_png(frame).numpy() for frame in frames(3)]
    return [
        (png, {k: v[0].numpy() for k, v in serving(tf.constant([png])).items()})
        for png in pngs
    ]


def detector_in(folder):
    spec = importlib.util.spec_from_file_location("given", folder / "detect.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Detector(folder)


# LiteRT computes int8 to a few hundredths; the others in float32, weights in float16
@pytest.mark.parametrize(
    ("name", "score_slack", "box_slack"),
    [
        ("openvino", 2e-3, 0.2),
        ("onnx", 1e-4, 0.01),
        pytest.param("litert_int8", 0.05, 4.0, marks=pytest.mark.slow),
    ],
)
def test_detections_are_those_of_the_saved_model(
    served, answers, tmp_path, name, score_slack, box_slack
):
    write_export(name, served, tmp_path / name, frames())
    detector = detector_in(tmp_path / name)
    for png, expected in answers:
        found = detector.detect(png)
        # at the last of 20 a box more or less may overlap by just the bound
        assert abs(expected["num_detections"] - len(found["scores"])) <= 1
        assert len(found["scores"]) > 15
        for row in range(5):  # nearly equal scores may stand in another order
            gaps = np.abs(found["boxes"] - expected["boxes"][row]).max(-1) / box_slack
            scores = np.abs(found["scores"] - expected["scores"][row]) / score_slack
            alike = found["classes"] == expected["classes"][row]
            assert (alike & (gaps < 1) & (scores < 1)).any()
    assert detector.class_names == ["ant", "bee", "cow"]
    about = json.loads((tmp_path / name / "detector.json").read_text())
    assert about["frame_size"] == list(FRAME)
    assert (tmp_path / name / "label_map.txt").read_text() == "ant\nbee\ncow\n"
