"""`voc-pipeline export-tflite`: two files, and bad input in one line."""

import json

import pytest

from pipeline import presets
from pipeline.__main__ import main
from schemas.label_map import LabelMap
from trainer.model.build import build_retinanet
from trainer.serving.saved_model import export_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("model"))
    model = build_retinanet(presets.cpu_scratch().trainer.model, 2)
    export_model(model, (64, 96), LabelMap(("ant", "bee")), directory)
    return directory


def test_model_and_classes_are_written(model, tmp_path, capsys):
    output = tmp_path / "new" / "device"

    assert main(["export-tflite", model, "--output", str(output), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    flatbuffer = (output / "model.tflite").read_bytes()
    assert told == {"output": str(output), "bytes": len(flatbuffer)}
    assert flatbuffer[4:8] == b"TFL3"  # the format's file identifier
    assert (output / "label_map.txt").read_text() == "ant\nbee\n"


def test_a_folder_without_a_model_is_bad_input(tmp_path, capsys):
    arguments = ["export-tflite", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "holds no saved_model.pb; give a model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_bad_input(model, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert main(["export-tflite", model, "--output", str(tmp_path / "out")]) == 2
    assert "cannot be made" in capsys.readouterr().err
