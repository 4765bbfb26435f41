"""Data and settings that a new user may well have, through the real entry point."""

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from schemas.config_json import to_json
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example
from schemas.user_error import UserError
from trainer.config import TrainerConfig
from trainer.input.config import InputConfig
from trainer.optimizer.config import OptimizerConfig, PiecewiseSchedule
from trainer.run_fn import run_fn
from trainer.training.callbacks.non_finite import NonFiniteLossError

pytestmark = pytest.mark.slow

ONE_CLASS = LabelMap(("bee",))


def example(image_id, width=48, height=40, boxes=()):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    count = len(boxes)
    return DetectionExample(
        image_id=image_id,
        filename=f"{image_id}.png",
        source_path=f"{image_id}.png",
        encoded_image=tf.io.encode_png(image.astype("uint8")).numpy(),
        image_format="png",
        width=width,
        height=height,
        sha256="0",
        boxes=np.array(boxes, "float32").reshape(-1, 4),
        class_names=("bee",) * count,
        difficult=np.zeros(count, bool),
        truncated=np.zeros(count, bool),
        occluded=np.zeros(count, bool),
        poses=("",) * count,
    )


def arguments(folder, config, train, evaluation=None):
    """FnArgs for these examples; they are evaluated too, unless others are given."""
    splits = {"train": train, "eval": train if evaluation is None else evaluation}
    for split, examples in splits.items():
        path = folder / "examples" / f"Split-{split}" / "images-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
            for each in examples:
                writer.write(encode_example(each, ONE_CLASS))
    ONE_CLASS.to_file(folder / "examples" / "label_map.txt")
    return types.SimpleNamespace(
        custom_config={
            "trainer_config": to_json(config),
            "checkpoint_dir": str(folder / "checkpoints"),
        },
        train_steps=None,
        hyperparameters=None,
        train_files=[str(folder / "examples" / "Split-train" / "*")],
        eval_files=[str(folder / "examples" / "Split-eval" / "*")],
        transform_graph_path="",
        serving_model_dir=str(folder / "serving"),
        model_run_dir=str(folder / "run"),
    )


@pytest.fixture
def config(tiny_config):
    return TrainerConfig(
        model=tiny_config,
        input=InputConfig(image_size=(32, 48), global_batch_size=2, max_boxes=8),
        train_steps=2,
        checkpoint_every_steps=1,
        precision="float32",
        doctor_seconds=1.0,
    )


def checkpoints(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def is_finite(folder, name):
    with np.load(folder / "checkpoints" / name / "variables.npz") as arrays:
        return all(np.isfinite(array).all() for array in arrays.values())


def served(folder):
    """Answer of the exported model to one random image."""
    signatures = tf.saved_model.load(str(folder / "serving")).signatures
    image = np.random.default_rng(1).integers(0, 256, (1, 30, 20, 3))
    found = signatures["serving_images"](images=image.astype("uint8"))
    return {name: value.numpy() for name, value in found.items()}


def test_one_pixel_crowded_and_empty_images_of_one_class(config, tmp_path, caplog):
    corners = np.random.default_rng(0).uniform(0, 30, (300, 2))
    crowd = np.concatenate([corners, corners + 8], axis=1)
    odd = [
        example("pixel", width=1, height=1, boxes=[[0, 0, 1, 1]]),
        example("crowd", boxes=crowd),
        example("nothing"),
    ]
    # and the batch is larger than the data set
    larger = dataclasses.replace(config.input, global_batch_size=4)
    run_fn(arguments(tmp_path, dataclasses.replace(config, input=larger), odd))
    told = "1 of 3 training images have more than max_boxes=8 boxes (up to 300)"
    assert told in caplog.text
    assert checkpoints(tmp_path)[-1] == "step-00000002"
    assert is_finite(tmp_path, "step-00000002")
    assert set(served(tmp_path)["classes"].ravel()) <= {-1, 0}


def test_a_data_set_of_one_image_trains(config, tmp_path):
    run_fn(arguments(tmp_path, config, [example("a", boxes=[[4, 4, 30, 34]])]))
    assert is_finite(tmp_path, "step-00000002")
    assert served(tmp_path)["boxes"].shape == (1, 20, 4)


def test_training_without_any_object_is_refused(config, tmp_path):
    told = "training images has a box left .* under 2 px of the 48x32 frame"
    with pytest.raises(UserError, match=told):
        run_fn(arguments(tmp_path, config, [example("a"), example("b")]))


def test_batches_without_any_object_train_the_class_head(config, tmp_path):
    config = dataclasses.replace(config, doctor=False)
    run_fn(arguments(tmp_path, config, [example("a"), example("b")]))
    assert is_finite(tmp_path, "step-00000002")


@pytest.mark.parametrize("split", ["train", "eval"])
def test_an_empty_split_is_refused_before_the_first_step(config, tmp_path, split):
    some = [example("a", boxes=[[4, 4, 30, 34]])]
    splits = {"train": some, "evaluation": some}
    splits["train" if split == "train" else "evaluation"] = []
    with pytest.raises(UserError, match=f"no examples in .*Split-{split}"):
        run_fn(arguments(tmp_path, config, **splits))
    assert not (tmp_path / "checkpoints").exists()


def test_a_gpu_that_is_not_there_is_refused(config, tmp_path):
    config = dataclasses.replace(config, strategy="gpu")
    with pytest.raises(UserError, match=r"sees no GPU here: set trainer.strategy=cpu"):
        run_fn(arguments(tmp_path, config, [example("a", boxes=[[4, 4, 30, 34]])]))


def test_a_rate_far_too_high_stops_at_once_and_keeps_what_was_sound(config, tmp_path):
    optimizer = OptimizerConfig(
        schedule=PiecewiseSchedule(boundaries=(1,), rates=(1e-4, 1e18)),
        clip_global_norm=0.0,
        weight_decay=0.0,
    )
    config = dataclasses.replace(config, optimizer=optimizer, train_steps=20)
    examples = [example(name, boxes=[[4, 4, 30, 34]]) for name in ("bee-1", "bee-2")]
    message = r"infinite at step \d; images of its batch: bee-\d, bee-\d\. .*peak rate"
    with pytest.raises(NonFiniteLossError, match=message):
        run_fn(arguments(tmp_path, config, examples))
    names = checkpoints(tmp_path)
    assert len([name for name in names if name.startswith("step-")]) >= 1
    assert all(is_finite(tmp_path, name) for name in names)
    assert not (tmp_path / "serving").exists()


def test_mixed_precision_has_float32_losses_resumes_and_is_served(config, tmp_path):
    config = dataclasses.replace(config, precision="mixed_bfloat16")
    given = arguments(tmp_path, config, [example("a", boxes=[[4, 4, 30, 34]])])
    run_fn(given)
    with np.load(tmp_path / "checkpoints/step-00000002/variables.npz") as arrays:
        assert {array.dtype.name for array in arrays.values()} <= {
            "float32",
            "int64",
            "int32",
        }
    [events] = (tmp_path / "run").rglob("events.*")
    assert events.stat().st_size > 0
    first = served(tmp_path)
    assert first["boxes"].dtype == np.float32
    assert np.isfinite(first["boxes"]).all()
    run_fn(given)  # goes on where it ended: nothing is left to train
    for name, value in served(tmp_path).items():
        np.testing.assert_array_equal(value, first[name])
