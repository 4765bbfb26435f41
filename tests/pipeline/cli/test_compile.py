"""What `compile` refuses before it loads TFX."""

import sys
from unittest import mock

import pytest

from pipeline.__main__ import main

PATHS = ("--data", "gs://b/voc", "--push-destination", "gs://b/served", "--image", "i")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output", "p.json"), "refuses a package in JSON"),
        (("--output", "p.yaml", "--root", "gs://b/root"), "when a run is submitted"),
        (("--output", "p.yaml", "--data", "s3://b/voc"), "no file system for s3://"),
        (
            ("--output", "p.yaml", "--push-destination", "minio://b/served"),
            "no file system for minio://",
        ),
        (("--output", "nowhere/p.yaml"), "no folder that can be written"),
        (
            ("--output", "p.yaml", "--span", "3"),
            "--span 3: --data gs://b/voc has no {S",
        ),
        (("--output", "p.yaml", "--earlier-span", "3"), "--earlier-span 3: --data gs"),
        (
            (
                *("--output", "p.yaml", "--data", "gs://b/{SPAN}"),
                *("--span", "3", "--earlier-span", "3"),
            ),
            "--earlier-span 3 is --span itself",
        ),
        (
            ("--output", "p.yaml", "--earlier-span", "latest"),
            "--earlier-span latest is --span itself",
        ),
        (
            (
                *("--output", "p.yaml", "--data", "gs://b/{SPAN}"),
                *("--span", "2", "--earlier-span", "02"),
            ),
            "--earlier-span 02 is --span itself",
        ),
        (
            (
                *("--output", "p.yaml", "--data", "gs://b/{SPAN}"),
                *("--earlier-span", "latest"),
            ),
            "--earlier-span latest is --span itself",
        ),
        (("--output", "p.yaml", "--window", "4"), "retrain --window 4` as a CronJob"),
    ],
)
def test_one_line_says_what_cannot_work(options, message, capsys):
    assert main(["compile", *PATHS, *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


VERTEX = ("--target", "vertex", "--output", "p.yaml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "/data/voc"), "--data /data/voc: name a gs:// path"),
        (("--push-destination", "hdfs://b/s"), "hdfs://b/s: name a gs:// path"),
        (("--root", "minio://b/root"), "--root minio://b/root: name a gs:// path"),
        (("--set", "kubeflow.volume_claim=voc"), "mounts no volume"),
        (("--set", "kubeflow.trainer.timeout_s=60"), "trainer: timeout_s and node_l"),
        (
            (
                *("--set", "kubeflow.trainer.accelerator=nvidia.com/gpu"),
                *("--set", "kubeflow.trainer.accelerator_count=1"),
            ),
            "trainer.accelerator nvidia.com/gpu: Vertex's names are like NVIDIA_",
        ),
        (("--set", "name=7-voc"), "7-voc has to start with a letter"),
    ],
)
def test_one_line_says_what_vertex_cannot_do(options, message, capsys):
    assert main(["compile", *PATHS, *VERTEX, *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("root", "told"), [((), True), (("gs://b/c",), False)])
def test_what_a_lost_pod_costs_is_told(root, told, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pipeline.runners", mock.Mock())
    kept = [f"--set=kubeflow.checkpoint_root={folder}" for folder in root]

    assert main(["compile", *PATHS, "--output", "p.yaml", *kept]) == 0
    assert ("checkpoints stay in the Trainer's pod" in capsys.readouterr().err) == told


@pytest.mark.parametrize(
    ("options", "told"), [((), True), (("--set", "kubeflow.volume_claim=voc"), False)]
)
def test_a_folder_that_nothing_mounts_is_told(options, told, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pipeline.runners", mock.Mock())
    local = ("--data", "/data/voc", "--output", "p.yaml")

    assert main(["compile", *PATHS, *local, *options]) == 0
    assert ("--data /data/voc is a folder" in capsys.readouterr().err) == told


@pytest.mark.parametrize("option", ["--data", "--push-destination", "--image"])
def test_nothing_that_a_cluster_decides_has_a_default(option, capsys):
    given = [*PATHS, "--output", "p.yaml"]
    at = given.index(option)
    del given[at : at + 2]

    with pytest.raises(SystemExit) as ended:
        main(["compile", *given])

    assert ended.value.code == 2
    assert option in capsys.readouterr().err
