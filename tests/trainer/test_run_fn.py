import types

import numpy as np
import pytest
import tensorflow as tf

from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
from schemas.user_error import UserError
from trainer import run_fn as module
from trainer.config import TrainerConfig
from trainer.input_config import InputConfig

LABEL_MAP = LabelMap(("ant", "bee"))


def write_split(folder, count):
    """Examples of one random image each, the last of them without boxes."""
    folder.mkdir(parents=True)
    path = str(folder / "images-00000-of-00001.gz")
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(path, options="GZIP") as writer:
        for number in range(count):
            image = random.integers(0, 256, (40, 48, 3)).astype("uint8")
            boxes = [[4, 4, 30, 34]] if number < count - 1 else []
            objects = len(boxes)
            example = DetectionExample(
                image_id=f"{number:03d}",
                filename=f"{number}.png",
                source_path=f"{number}.png",
                encoded_image=tf.io.encode_png(image).numpy(),
                image_format="png",
                width=48,
                height=40,
                sha256="0",
                boxes=np.array(boxes, "float32").reshape(-1, 4),
                class_names=("bee",) * objects,
                difficult=np.zeros(objects, bool),
                truncated=np.zeros(objects, bool),
                occluded=np.zeros(objects, bool),
                poses=("",) * objects,
            )
            writer.write(encode_example(example, LABEL_MAP))


def arguments(tmp_path, config, train_steps=None):
    examples = tmp_path / "examples"
    write_split(examples / "Split-train", 3)
    write_split(examples / "Split-eval", 2)
    LABEL_MAP.to_file(examples / "label_map.txt")
    return types.SimpleNamespace(
        custom_config={
            "trainer_config": config.to_json(),
            "checkpoint_dir": str(tmp_path / "checkpoints"),
        },
        train_steps=train_steps,
        train_files=[str(examples / "Split-train" / "*")],
        eval_files=[str(examples / "Split-eval" / "*")],
        transform_graph_path="",
        serving_model_dir=str(tmp_path / "serving"),
        model_run_dir=str(tmp_path / "run"),
    )


def test_files_in_and_a_served_model_out(tiny_config, tmp_path):
    # a batch larger than the data set, and the length that the operator asked for
    config = TrainerConfig(
        model=tiny_config,
        input=InputConfig(image_size=(64, 64), global_batch_size=4, max_boxes=8),
        num_epochs=50,
    )
    module.run_fn(arguments(tmp_path, config, train_steps=2))
    served = tf.saved_model.load(str(tmp_path / "serving")).signatures
    found = served["serving_images"](images=np.zeros((1, 30, 20, 3), "uint8"))
    assert found["class_names"].shape == (1, 20)
    label_map = tmp_path / "serving" / "assets.extra" / "label_map.txt"
    assert LabelMap.from_file(label_map) == LABEL_MAP
    # three images in batches of four: one step an epoch
    saved = {path.name for path in (tmp_path / "checkpoints").glob("step-*")}
    assert saved == {"step-00000001", "step-00000002"}


def test_a_backend_that_cannot_export_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(module.keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="set it to 'tensorflow'"):
        module.run_fn(types.SimpleNamespace())
