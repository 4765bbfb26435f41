"""What `train` refuses before it loads anything heavy."""

import fcntl

import pytest

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


def test_an_output_that_another_training_writes(refused, tmp_path):
    """What it would find there are the other's checkpoints, and take for its own."""
    checkpoints = tmp_path / "out" / "checkpoints" / "others" / "step-00000001"
    checkpoints.mkdir(parents=True)
    with (tmp_path / "out" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        err = refused(".", "--output", "out")
    assert "another training is writing --output out; wait for it or name" in err
    assert checkpoints.exists()


def test_an_output_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").touch()
    err = refused(".", "--output", "file/out")
    assert "--output file/out cannot be written: Not a directory; name another" in err


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
