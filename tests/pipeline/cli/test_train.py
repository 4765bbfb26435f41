"""What `train` refuses before it loads anything heavy, and a whole one."""

import io
import json

import pytest
from PIL import Image

from pipeline.__main__ import main

SEVERAL = ("--set", "trainer.strategy=multi_host")


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys):
    """The one line that `train` ends with, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)

    def told(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert main(["train", *arguments]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    return told


def test_examples_that_are_not_there(refused):
    assert "no such data: nowhere" in refused("nowhere", "--output", "out")


@pytest.mark.parametrize(
    ("examples", "output", "said"),
    [
        (".", "gs://bucket/out", "--output gs://bucket/out is in a store, and train"),
        ("s3://bucket/in", "out", "EXAMPLES s3://bucket/in is in a store, and train"),
    ],
)
def test_a_store_in_the_place_of_a_folder(refused, examples, output, said):
    assert said in refused(examples, "--output", output)


def test_a_folder_without_examples(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    err = refused("empty", "--output", "out")
    assert "empty holds no TFRecords with a label map: name the output of" in err


def test_an_output_that_has_a_model_already(refused, tmp_path):
    (tmp_path / "out" / "model").mkdir(parents=True)
    err = refused(".", "--output", "out")
    assert "--output out has a model already; name another" in err


def test_half_of_the_variables_of_several_processes(refused):
    err = refused(
        ".", "--output", "out", *SEVERAL, JAX_COORDINATOR_ADDRESS="127.0.0.1:29500"
    )
    assert "JAX_NUM_PROCESSES is not set, but JAX_COORDINATOR_ADDRESS is set" in err


@pytest.mark.slow
def test_several_processes_of_another_backend(refused):
    err = refused(
        *(".", "--output", "out", *SEVERAL),
        KERAS_BACKEND="tensorflow",
        JAX_COORDINATOR_ADDRESS="127.0.0.1:29500",
        JAX_NUM_PROCESSES="2",
        JAX_PROCESS_ID="1",
    )
    assert "'multi_host' is JAX's, and the backend here is tensorflow: run with" in err


@pytest.mark.slow
def test_a_model_that_answers(tmp_path, write_examples, refused, capsys):
    for split in ("train", "eval"):
        (tmp_path / "in" / f"Split-{split}").mkdir(parents=True)
        images = {f"{split}{i}": (40, 32, [(4, 4, 30, 28)]) for i in range(4)}
        write_examples(tmp_path / "in" / f"Split-{split}" / "images-00000.gz", images)
    (tmp_path / "in" / "label_map.txt").write_text("dog\n")
    changes = ("input.image_size=[64,64]", "train_steps=2", "doctor=false")
    command = ["train", "in", "--output", "out", "--preset", "smoke"]
    command += [f"--set=trainer.{change}" for change in changes]
    assert main([*command, "--json"]) == 0
    (folder,) = json.loads(capsys.readouterr().out).values()
    import tensorflow as tf

    image = io.BytesIO()
    Image.new("RGB", (40, 32)).save(image, "PNG")
    model = tf.saved_model.load(folder)
    found = model.signatures["serving_default"](
        image_bytes=tf.constant([image.getvalue()])
    )
    assert found["boxes"].shape[::2] == (1, 4)
    assert (tmp_path / "out" / "model" / "assets.extra" / "made_from.txt").exists()
    assert "has a model already" in refused(*command[1:])
