import dataclasses
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import mlflow
import numpy as np
import pytest
import tensorflow as tf
from keras_tuner.errors import FatalError

from schemas.config_json import from_json, to_json
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import decode_example, encode_example
from schemas.user_error import UserError, user_error_in
from trainer import run_fn as module
from trainer import train as training
from trainer.config import TrainerConfig, watching_json
from trainer.doctor import overfit
from trainer.input.config import InputConfig
from trainer.input.frames import default_transform
from trainer.model.config import DecodingConfig, HeadConfig, ModelConfig
from trainer.search_space import Choice, TunerConfig
from trainer.serving.other_backend import export_with_tensorflow
from trainer.tune import tuner_fn

PROGRAM = Path(__file__).parent / "programs" / "train.py"
ROOT = Path(__file__).parents[2]
LABEL_MAP = LabelMap(("ant", "bee"))
SEARCH = TunerConfig(
    trials=1,
    num_epochs=1,
    space=(Choice(field="trainer.model.loss.box_weight", values=(1.0, 2.0)),),
)


def write_split(folder, count, seed=0):
    """Examples of one random image each, the last of them without boxes."""
    folder.mkdir(parents=True)
    path = str(folder / "images-00000-of-00001.gz")
    random = np.random.default_rng(seed)
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


def arguments(tmp_path, config, train_steps=None, seed=0):
    examples = tmp_path / "examples"
    write_split(examples / "Split-train", 3, seed)
    write_split(examples / "Split-eval", 2)
    LABEL_MAP.to_file(examples / "label_map.txt")
    return types.SimpleNamespace(
        custom_config={
            "trainer_config": to_json(config),
            "checkpoint_dir": str(tmp_path / "checkpoints"),
        },
        train_steps=train_steps,
        hyperparameters=None,
        train_files=[str(examples / "Split-train" / "*")],
        eval_files=[str(examples / "Split-eval" / "*")],
        transform_graph_path="",
        serving_model_dir=str(tmp_path / "serving"),
        model_run_dir=str(tmp_path / "run"),
    )


def test_a_model_learned_from_what_it_was_warmed_up_with(tmp_path):
    write_split(tmp_path / "Split-train", 2)
    shards = [str(tmp_path / "Split-train" / "*")]
    earlier = tmp_path / "earlier"
    assert module.images_learned_from(shards, "") == ["0"]
    assert module.images_learned_from(shards, str(earlier)) == ["0"]  # of long ago
    (earlier / "assets.extra").mkdir(parents=True)
    (earlier / "assets.extra" / "learned_from.txt").write_text("a\n0\n")
    assert module.images_learned_from(shards, str(earlier)) == ["0", "a"]


def cut_short(path, image_id):
    """Takes the last chunk off the PNG of one example of a shard."""
    whole = [
        decode_example(record)
        for record in tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator()
    ]
    with tf.io.TFRecordWriter(path, options="GZIP") as writer:
        for example in whole:
            end = -12 if example.image_id == image_id else None
            kept = example.encoded_image[:end]
            cut = dataclasses.replace(example, encoded_image=kept)
            writer.write(encode_example(cut, LABEL_MAP))


@pytest.mark.parametrize("split", ["train", "eval"])
def test_an_image_that_does_not_decode_is_named_with_its_shard(
    tiny_config, tmp_path, split
):
    config = TrainerConfig(
        model=tiny_config,
        # nothing fits into the cache, so that the step itself meets the image
        input=InputConfig(
            image_size=(64, 64), global_batch_size=2, max_boxes=8, cache_bytes=0
        ),
        train_steps=2,
        doctor=False,
    )
    fn_args = arguments(tmp_path, config)
    shard = tmp_path / f"examples/Split-{split}/images-00000-of-00001.gz"
    cut_short(str(shard), "001")
    said = f"image '001' in {shard} does not decode ("
    with pytest.raises(UserError) as caught:
        module.run_fn(fn_args)
    assert str(caught.value).startswith(said)
    # the trainings of a search before it say the same
    fn_args.custom_config |= {"tuner_config": to_json(SEARCH), "checkpoint_dir": ""}
    fn_args.working_dir = str(tmp_path / "search")
    with pytest.raises(FatalError) as fatal:
        tuner_fn(fn_args).tuner.search()
    assert str(user_error_in(fatal.value)).startswith(said)


def test_the_last_epochs_are_those_of_the_training_that_asks(
    tiny_config, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        module,
        "make_dataset",
        lambda files, config, **options: asked.append(options),
    )
    fn_args = arguments(tmp_path, TrainerConfig(model=tiny_config, train_steps=5))
    config = from_json(TrainerConfig, fn_args.custom_config["trainer_config"])
    data = module.training_data(config, fn_args, LABEL_MAP)
    data.train(3)
    data.until(7).train(6)
    lengths = [(one["start_step"], one["train_steps"]) for one in asked]
    assert lengths == [(3, 5), (6, 7)]


def test_files_in_and_a_served_model_out(tiny_config, tmp_path, monkeypatch):
    store = (tmp_path / "mlflow").as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    # a batch larger than the data set, and the length that the operator asked for
    config = TrainerConfig(
        model=tiny_config,
        input=InputConfig(image_size=(64, 64), global_batch_size=4, max_boxes=8),
        num_epochs=50,
        tracking=("mlflow",),
        doctor=False,
    )
    module.run_fn(arguments(tmp_path, config, train_steps=2))
    served = tf.saved_model.load(str(tmp_path / "serving")).signatures
    found = served["serving_images"](images=np.zeros((1, 30, 20, 3), "uint8"))
    assert found["class_names"].shape == (1, 20)
    extra = tmp_path / "serving" / "assets.extra"
    assert LabelMap.from_file(extra / "label_map.txt") == LABEL_MAP
    stored = from_json(TrainerConfig, (extra / "trainer_config.json").read_text())
    assert stored == dataclasses.replace(config, num_epochs=0, train_steps=2)
    assert (extra / "learned_from.txt").read_text() == "0\n"  # the SHA-256 of all three
    # three images in batches of four: one step an epoch
    saved = {path.name for path in (tmp_path / "checkpoints").glob("step-*")}
    assert saved == {"step-00000001", "step-00000002"}
    client = mlflow.MlflowClient(store)
    (tracked,) = client.search_runs(["0"])
    evaluations = client.get_metric_history(tracked.info.run_id, "eval/AP50")
    assert [point.step for point in evaluations] == [1, 2]
    assert tracked.data.params["num_epochs"] == "0"  # as it was trained
    assert tracked.data.params["train_steps"] == "2"
    assert tracked.data.tags["model_path"] == str(tmp_path / "serving")


@pytest.mark.slow
def test_what_jax_has_trained_is_served_by_tensorflow(tmp_path, quick_to_compile):
    pytest.importorskip("jax")
    config = TrainerConfig(
        model=ModelConfig(
            backbone="light",
            frozen_stages=5,  # so that features are kept there, too
            max_level=5,
            pyramid_filters=8,
            head=HeadConfig(num_convs=1, prior=0.3),
            decoding=DecodingConfig(pre_nms_top_k=50, max_detections=20),
        ),
        input=InputConfig(image_size=(64, 64), global_batch_size=2, max_boxes=8),
        train_steps=6,
        doctor_seconds=0.001,  # one round: it trains a copy of the model
    )
    fn_args = arguments(tmp_path, config)
    (tmp_path / "arguments.json").write_text(json.dumps(vars(fn_args)))
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), "uint8")
    np.save(tmp_path / "frames.npy", frames)
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={
            **os.environ,
            **quick_to_compile,
            "PYTHONPATH": str(ROOT),
            "KERAS_BACKEND": "jax",
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "features of 12 frames kept (4 epochs" in done.stderr
    assert "doctor: overfit" in done.stderr
    # the step is compiled, the doctor's too: theirs is Python only to trace them
    traced = int(done.stdout.rpartition("losses traced: ")[2])
    assert 2 <= traced <= 5  # of six steps and a round of two
    served = tf.saved_model.load(fn_args.serving_model_dir).signatures
    # as large as the frame: letterboxing changes nothing
    found = served["serving_images"](images=tf.constant(frames))
    with np.load(tmp_path / "detections.npz") as expected:
        assert expected["num_detections"].min() > 3
        assert found["classes"].numpy().tolist() == expected["classes"].tolist()
        for name in ("boxes", "scores"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4)


def test_an_export_that_fails_elsewhere_says_why(tiny_model, tmp_path):
    # the other process knows no backbone of this name, which is conftest's
    with pytest.raises(RuntimeError, match=r"(?s)under TensorFlow failed.*'mini'"):
        export_with_tensorflow(tiny_model, (64, 64), LABEL_MAP, str(tmp_path / "out"))


def trained(config, fn_args):
    """What `run_fn` does before it exports."""
    data = module.training_data(config, fn_args, LABEL_MAP)
    folder = fn_args.custom_config["checkpoint_dir"]
    return module.train(config, data, folder, fn_args.model_run_dir)


def test_training_is_the_same_with_and_without_the_doctor(
    tiny_config, tmp_path, monkeypatch
):
    # satisfied at once: its copy of the model takes a few steps, whatever the loss
    monkeypatch.setattr(overfit, "FALL", 9.0)
    weights, names = [], []
    for doctor in (True, False):
        config = TrainerConfig(
            model=tiny_config,
            input=InputConfig(image_size=(64, 64), global_batch_size=2, max_boxes=8),
            num_epochs=2,
            doctor=doctor,
        )
        folder = tmp_path / str(doctor)
        trained(config, arguments(folder, config))
        assert (folder / "run" / "doctor.png").exists() == doctor
        [*_, last] = sorted((folder / "checkpoints").glob("step-*"))
        with np.load(last / "variables.npz") as arrays:
            weights.append([arrays[name] for name in arrays])
            names.append(list(arrays))
    assert names[0] == names[1]
    for asked, unasked in zip(*weights, strict=True):
        np.testing.assert_array_equal(asked, unasked)


def test_a_resumed_training_does_not_ask_the_doctor_again(
    tiny_config, tmp_path, monkeypatch, caplog
):
    config = TrainerConfig(
        model=tiny_config,
        input=InputConfig(image_size=(192, 192), global_batch_size=4, max_boxes=8),
        levels_from_data=True,
        num_epochs=1,
        doctor_seconds=0,
    )
    asked = arguments(tmp_path, config)
    module.run_fn(asked)
    # objects of 26 x 30 px in images that are enlarged four times: 112 px
    extra = tmp_path / "serving" / "assets.extra"
    stored = from_json(TrainerConfig, (extra / "trainer_config.json").read_text())
    assert (config.model.min_level, stored.model.min_level) == (3, 4)
    monkeypatch.setattr(training, "examine", None)
    with caplog.at_level("INFO"):
        module.run_fn(asked)
    assert "doctor: not asked again, a begun training goes on" in caplog.text


@pytest.mark.parametrize(("cache_bytes", "decoded"), [(1 << 20, 3), (0, 9)])
def test_images_of_the_eval_split_are_decoded_once(tmp_path, cache_bytes, decoded):
    """Three evaluations of three images."""
    write_split(tmp_path / "Split-train", 3)
    write_split(tmp_path / "Split-eval", 3)
    counted = []

    def transform_and_count(parsed):
        count = tf.py_function(lambda: counted.append(1) or 0, [], tf.int64)
        with tf.control_dependencies([count]):
            return default_transform(parsed)

    config = TrainerConfig(
        input=InputConfig(
            image_size=(32, 48), global_batch_size=1, cache_bytes=cache_bytes
        ),
        train_steps=1,
    )
    fn_args = types.SimpleNamespace(
        train_files=[str(tmp_path / "Split-train" / "*")],
        eval_files=[str(tmp_path / "Split-eval" / "*")],
        transform_graph_path="graph",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "transform_features_fn", lambda path: transform_and_count)
        data = module.training_data(config, fn_args, LABEL_MAP)
        for _ in range(3):
            assert len(list(data.evaluation())) == 3
    assert len(counted) == decoded


def test_data_are_known_by_their_content(tiny_config, tmp_path):
    config = TrainerConfig(model=tiny_config, train_steps=1)

    def digest(folder, seed):
        fn_args = arguments(tmp_path / folder, config, seed=seed)
        return module.training_data(config, fn_args, LABEL_MAP).digest

    first = digest("a", seed=0)
    assert digest("b", seed=0) == first
    assert digest("c", seed=1) != first  # as many images, of the same sizes


def test_what_watches_a_training_comes_from_its_own_file(tmp_path):
    decides = TrainerConfig(train_steps=3, precision="float32")
    watched = dataclasses.replace(decides, doctor=False, checkpoint_every_steps=2)
    path = tmp_path / "watching.json"
    path.write_text(watching_json(watched))
    fn_args = arguments(tmp_path, decides)
    fn_args.custom_config["watching"] = str(path)
    seen = []

    def remember(config, *args, **kwargs):
        seen.append(config)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train", remember)
        with pytest.raises(KeyboardInterrupt):
            module.run_fn(fn_args)
    assert seen == [watched]
