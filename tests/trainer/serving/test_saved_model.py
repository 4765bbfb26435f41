import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from schemas.config_json import from_json
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
from schemas.user_error import UserError
from trainer.model.build import build_retinanet
from trainer.model.config import DetectorConfig
from trainer.serving import saved_model
from trainer.serving.saved_model import export_model
from trainer.serving.warm_start import require_model, warm_start

LABEL_MAP = LabelMap(("ant", "bee", "cow"))


@pytest.fixture(scope="module")
def config(tiny_config):
    # a prior of .3, so that an untrained model finds something everywhere
    head = dataclasses.replace(tiny_config.head, prior=0.3)
    return DetectorConfig(
        model=dataclasses.replace(tiny_config, head=head), image_size=(64, 96)
    )


@pytest.fixture(scope="module")
def model(config):
    model = build_retinanet(config.model, 3)
    random = np.random.default_rng(0)
    for variable in model.variables:  # as after a training: no mean 0, no variance 1
        if variable.path.rpartition("/")[2].startswith(("moving", "beta", "gamma")):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def exported(model, config, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exported")
    # TensorFlow renames odd characters and says so as it saves
    export_model(model, config.image_size, LABEL_MAP, str(directory))
    return directory


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported)).signatures


def picture(height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, 3)).astype("uint8")


def test_the_three_signatures_agree(signatures):
    image = picture(50, 80)
    encoded = tf.io.encode_png(image).numpy()
    example = DetectionExample(
        image_id="a",
        filename="a.png",
        source_path="a.png",
        encoded_image=encoded,
        image_format="png",
        width=80,
        height=50,
        sha256="0",
    )
    serialized = encode_example(example, LABEL_MAP)
    answers = [
        signatures["serving_default"](image_bytes=tf.constant([encoded])),
        signatures["serving_tf_example"](examples=tf.constant([serialized])),
        signatures["serving_images"](images=tf.constant(image[None])),
    ]
    for other in answers[1:]:
        for name, value in answers[0].items():
            if value.dtype == tf.string:
                assert (value.numpy() == other[name].numpy()).all()
            else:
                np.testing.assert_allclose(value, other[name], atol=1e-3)


def test_a_picture_is_seen_upright_and_its_boxes_are_in_stored_pixels(signatures):
    seen = Image.fromarray(np.kron(picture(5, 8), np.ones((10, 10, 1), "uint8")))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored row 0 is seen on the right: x seen = 80 - y stored
    lying, file = seen.transpose(Image.Transpose.ROTATE_90), io.BytesIO()
    lying.save(file, "PNG", exif=exif)
    assert lying.size == (50, 80)
    found = signatures["serving_default"](image_bytes=tf.constant([file.getvalue()]))
    upright = signatures["serving_images"](images=np.asarray(seen)[None])
    np.testing.assert_allclose(found["scores"], upright["scores"], atol=1e-5)
    x1, y1, x2, y2 = np.moveaxis(upright["boxes"].numpy()[0], -1, 0)
    real = found["scores"][0] > 0
    right = np.stack([y1, 80 - x2, y2, 80 - x1], axis=-1)
    np.testing.assert_allclose(found["boxes"][0][real], right[real], atol=1e-3)


def test_boxes_are_in_pixels_of_each_original_image(signatures):
    # twice the size in both directions: the same frame, and boxes twice as large
    small = picture(32, 48)
    large = np.kron(small, np.ones((2, 2, 1), "uint8"))
    encoded = [tf.io.encode_png(image).numpy() for image in (small, large)]
    found = signatures["serving_default"](image_bytes=tf.constant(encoded))
    limits = np.array([[48, 32, 48, 32], [96, 64, 96, 64]])
    boxes = found["boxes"].numpy()
    assert (boxes <= limits[:, None] + 1e-3).all()
    assert boxes[0].max() > 24


def test_names_belong_to_classes_and_padding_has_none(signatures):
    found = signatures["serving_images"](images=tf.constant(picture(64, 96)[None]))
    classes = found["classes"].numpy()[0]
    names = [name.decode() for name in found["class_names"].numpy()[0]]
    assert names == [LABEL_MAP.names[c] if c >= 0 else "" for c in classes]
    assert found["num_detections"].numpy()[0] == (classes >= 0).sum()
    types = {name: value.dtype.name for name, value in found.items()}
    assert types == {
        "boxes": "float32",
        "scores": "float32",
        "classes": "int32",
        "class_names": "string",
        "num_detections": "int32",
    }


def test_a_batch_of_one_pixel_images_is_answered(signatures):
    found = signatures["serving_images"](images=np.zeros((3, 1, 1, 3), "uint8"))
    assert found["boxes"].shape == (3, 20, 4)
    assert found["boxes"].numpy().max() <= 1.0


def test_bytes_that_are_no_image_are_refused_and_their_places_named(signatures):
    image = tf.io.encode_png(picture(8, 8)).numpy()
    batch = [image, b"no image", image, b""]

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"from 0:\] \[1 3\]"):
        signatures["serving_default"](image_bytes=tf.constant(batch))


def test_an_empty_batch_is_answered_with_nothing(signatures):
    found = signatures["serving_default"](image_bytes=tf.constant([], tf.string))

    assert found["boxes"].shape == (0, 20, 4)


def test_the_model_holds_its_weights_once(exported, model):
    weights_bytes = 4 * model.count_params()
    stored = (exported / "saved_model.pb").stat().st_size
    assert weights_bytes <= stored < weights_bytes + 700_000  # the graph, once
    beside = sum(f.stat().st_size for f in (exported / "variables").iterdir())
    assert beside < 20_000


def test_the_graph_reads_no_variable_and_has_no_batch_norm(exported, model):
    saved = SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    nodes = [n for f in graph.graph_def.library.function for n in f.node_def]
    operations = {node.op for node in nodes}
    assert "Conv2D" in operations
    assert not {op for op in operations if "BatchNorm" in op or "Variable" in op}
    assert "CombinedNonMaxSuppression" in operations  # of each box kept, not all pairs
    weights = [n.name for n in nodes if n.name.startswith("weights/")]
    assert sorted(weights) == sorted(
        f"weights/{n}" for n in range(len(model.variables))
    )


def test_what_is_served_is_what_the_model_finds(signatures, model, config):
    frames = np.stack([picture(*config.image_size, seed) for seed in (1, 2, 3)])
    served = signatures["serving_images"](images=tf.constant(frames))
    own = model(frames, training=False)
    np.testing.assert_array_equal(served["num_detections"], own["num_detections"])
    np.testing.assert_array_equal(served["classes"], own["classes"])
    np.testing.assert_allclose(served["scores"], own["scores"], atol=1e-5)
    np.testing.assert_allclose(served["boxes"], own["boxes"], atol=1e-3)


def test_a_large_model_keeps_variables(model, config, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "_MOST_CONSTANTS", model.count_params() - 1)
    export_model(model, config.image_size, LABEL_MAP, str(tmp_path))
    stored = sum(f.stat().st_size for f in (tmp_path / "variables").iterdir())
    # names and checksums: a few kilobytes for 150 variables
    assert 4 * model.count_params() <= stored < 4 * model.count_params() + 50_000
    assert (tmp_path / "saved_model.pb").stat().st_size < 1_000_000
    other = build_retinanet(config.model, 3)
    assert warm_start(other, str(tmp_path), LABEL_MAP.names) == []
    frames = picture(*config.image_size)[None]
    served = tf.saved_model.load(str(tmp_path)).signatures["serving_images"]
    own, found = model(frames, training=False), served(images=tf.constant(frames))
    np.testing.assert_allclose(found["scores"], own["scores"], atol=1e-5)
    np.testing.assert_allclose(found["boxes"], own["boxes"], atol=1e-3)


def test_label_map_and_config_lie_beside_it(exported, config):
    extra = exported / "assets.extra"
    assert LabelMap.from_file(extra / "label_map.txt") == LABEL_MAP
    stored = (extra / "detector_config.json").read_text()
    assert from_json(DetectorConfig, stored) == config


def test_a_new_model_starts_from_an_exported_one(exported, model, config):
    other = build_retinanet(config.model, 3)
    assert warm_start(other, str(exported), LABEL_MAP.names) == []
    for a, b in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_model_to_start_from_in_a_folder_that_reads_like_a_pattern(
    exported, model, config, tmp_path
):
    moved = shutil.copytree(exported, tmp_path / "weights [v1]*?")
    other = build_retinanet(config.model, 3)

    assert warm_start(other, str(moved), LABEL_MAP.names) == []


def test_a_folder_that_is_no_model_of_ours_is_refused(tmp_path, config):
    with pytest.raises(UserError, match="is no model exported by this program"):
        warm_start(build_retinanet(config.model, 3), str(tmp_path), LABEL_MAP.names)
    (tmp_path / "variables").mkdir()
    for version in ("17", "23"):
        (tmp_path / "served" / version).mkdir(parents=True)
        (tmp_path / "served" / version / "saved_model.pb").touch()
    with pytest.raises(UserError, match=r"assets.extra, such as .*served/23$"):
        require_model(str(tmp_path / "served"))
    extra = tmp_path / "assets.extra"
    extra.mkdir()
    (extra / "variables.json").write_text(json.dumps(["a"]))
    LABEL_MAP.to_file(extra / "label_map.txt")
    with pytest.raises(UserError, match="is no model exported by this program"):
        require_model(str(tmp_path))  # without its graph
    (tmp_path / "saved_model.pb").touch()
    assert require_model(str(tmp_path)) == ["a"]
    with pytest.raises(UserError, match="is no model exported by this program"):
        warm_start(build_retinanet(config.model, 3), str(tmp_path), LABEL_MAP.names)
