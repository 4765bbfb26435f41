"""`voc-pipeline export` and `benchmark`: judged, refused, and bad input in one line."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns
from pipeline import presets
from pipeline.__main__ import main
from pipeline.export.bounds import Bounds
from pipeline.export.measure import Cost, Measured
from pipeline.export.pictures import Pictures, read_split
from pipeline.export.trial import Trial, training_files
from schemas.label_map import LabelMap
from schemas.user_error import UserError
from trainer.model.build import build_retinanet
from trainer.serving.saved_model import export_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Untrained: what it finds is nowhere near an object."""
    directory = str(tmp_path_factory.mktemp("model"))
    keras.utils.set_random_seed(3)
    model = build_retinanet(presets.cpu_scratch().trainer.model, 1)
    export_model(model, (64, 96), LabelMap(("dog",)), directory)
    return directory


@pytest.fixture
def run(tmp_path, write_examples):
    """A run's root with a dog in each of its pictures, all over it."""
    root = tmp_path / "run"
    for number, ids in ((3, "ab"), (12, "cd")):
        for split in ("eval", "train"):
            folder = root / f"VocExampleGen/examples/{number}/Split-{split}"
            folder.mkdir(parents=True)
            whole = (48, 32, [(0, 0, 48, 32)])
            write_examples(folder / "shard.gz", dict.fromkeys(ids, whole))
    return root


def test_an_export_that_loses_too_much_is_refused_and_leaves_nothing(
    model, save_one_box, run, tmp_path, capsys, monkeypatch
):
    # the weights of one model, judged by the answers of another, which finds all
    from pipeline.export import trial

    made = trial.make
    monkeypatch.setattr(
        trial, "make", lambda name, _, folder, files: made(name, model, folder, files)
    )
    perfect = tmp_path / "perfect"
    save_one_box(perfect)
    output = tmp_path / "out" / "device"
    arguments = ["--format", "litert", "--output", str(output)]

    status = main(["export", str(perfect), *arguments, "--data", str(run), "--json"])

    assert status == 1
    told = capsys.readouterr()
    served, export = json.loads(told.out)["rows"]
    assert served["mean_ap"] == pytest.approx(1.0)
    assert export["mean_ap"] < 0.1
    assert "AP50 of dog falls from 1.0000 to 0.0000, by more than 0.05" in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_best_version_of_a_run_is_exported_and_judged(model, run, tmp_path, capsys):
    shutil.copytree(model, run / "served" / "7")
    output = tmp_path / "new" / "device"

    assert main(["export", str(run), "--format", "onnx", "--output", str(output)]) == 0

    assert f"wrote {output}" in capsys.readouterr().out
    judged = json.loads((output / "judged.json").read_text())
    assert judged["judged_on"]["folder"].endswith("VocExampleGen/examples/12")
    assert judged["judged_on"]["split"] == "eval"
    assert [row["format"] for row in judged["rows"]] == ["served", "onnx"]
    assert {path.name for path in output.iterdir()} == {
        *("model.onnx", "anchors.npy", "detect.py", "detector.json"),
        *("label_map.txt", "judged.json"),
    }


@pytest.mark.slow
def test_a_benchmark_tells_every_format_that_was_asked_for(
    model, run, capsys, monkeypatch
):
    from pipeline.export import formats

    monkeypatch.setitem(formats.FORMATS, "onnx", ("no_such_package", "onnx"))
    arguments = ["benchmark", model, str(run), "--json"]

    assert main([*arguments, "--formats", "onnx", "litert_int8"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [row["format"] for row in told["rows"]] == ["served", "litert_int8"]
    assert told["judged_on"]["images"] == 2
    assert told["not_made"] == {
        "onnx": "no_such_package not installed: pip install 'voc-pipeline[onnx]'"
    }
    for row in told["rows"]:
        assert row["bytes"] > 1000
        assert set(row["by_threads"]) == {"1", "2"}
        for cost in row["by_threads"].values():
            assert min(cost["ms"], cost["cpu_ms"], cost["memory_mib"]) > 0


@pytest.fixture
def quick(save_one_box, run, tmp_path, monkeypatch):
    """A model that is a perfect one, whatever format is asked for; arguments."""
    from pipeline.export import trial

    perfect = tmp_path / "perfect"
    save_one_box(perfect)
    monkeypatch.setattr(
        trial,
        "make",
        lambda _, model, folder, files: shutil.copytree(
            model, folder, dirs_exist_ok=True
        ),
    )
    monkeypatch.setattr(trial, "measure", _measured_at_once)
    return ["export", str(perfect), "--format", "saved_model", "--data", str(run)]


def _measured_at_once(model, examples, label_map, threads):
    """Answers of one that finds all objects of the model's first class."""
    images = []
    for example in examples:
        classes = np.array([label_map.id_of(name) for name in example.class_names])
        found = classes == 0
        images.append(
            ScoredImage(
                image_id=example.image_id,
                gt_boxes=example.boxes.astype(np.float64),
                gt_classes=classes,
                gt_difficult=example.difficult,
                boxes=example.boxes[found],
                classes=classes[found],
                scores=np.ones(found.sum(), np.float32),
            )
        )
    cost = Cost(ms=1.0, cpu_ms=1.0, memory_mib=1.0)
    return Measured(ImageColumns.of_images(images), 1, dict.fromkeys(threads, cost))


@pytest.mark.parametrize("kind", ["new", "empty", "link", "to_nowhere", "here", "left"])
def test_an_export_goes_to_whatever_folder_is_meant(kind, quick, tmp_path, monkeypatch):
    place = tmp_path / "place"
    output = place
    if kind not in {"new", "to_nowhere"}:
        place.mkdir()
    if kind in ("link", "to_nowhere"):
        output = tmp_path / "name"
        output.symlink_to(place)
    if kind == "here":
        monkeypatch.chdir(place)
        output = "."
    if kind == "left":  # by an export that was killed
        (place / ".partial").mkdir()
        (place / ".partial" / "saved_model.pb").write_text("half")

    assert main([*quick, "--output", str(output)]) == 0

    assert json.loads((place / "judged.json").read_text())["judged_on"]["images"] == 2
    assert (place / "saved_model.pb").stat().st_size > 10
    assert not (place / ".partial").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("gs://bucket/device", "'gs://bucket/device' is no folder of this machine"),
        ("", "'' is no folder of this machine"),
        ("n" * 300, "cannot be made: File name too long"),
        ("file/below", "cannot be made: Not a directory"),
        ("full", "is there already; name a new folder"),
        ("new/" + "n" * 300, "cannot be made: File name too long"),
    ],
)
def test_a_folder_that_cannot_be_is_refused_before_any_work(
    output, message, quick, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    before = sorted(tmp_path.rglob("*"))

    assert main([*quick, "--output", output]) == 2

    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("size", "told"), [(0, "saved_model.pb is empty"), (900, "is no SavedModel")]
)
@pytest.mark.parametrize("command", ["export", "benchmark"])
def test_a_model_that_is_cut_off_is_refused(
    command, size, told, quick, run, tmp_path, capsys
):
    graph = tmp_path / "perfect" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:size])
    if command == "export":
        arguments = [*quick, "--output", str(tmp_path / "out")]
    else:
        arguments = ["benchmark", quick[1], str(run), "--formats", "onnx"]

    assert main(arguments) == 2

    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_a_calibration_without_training_pictures_says_what_they_are_for(quick, run):
    shutil.rmtree(run / "VocExampleGen/examples/12/Split-train")
    pictures = Pictures(run / "VocExampleGen/examples/12", "eval", [])
    with pytest.raises(
        UserError,
        match=r"litert_int8 is calibrated .* no split 'train'; there are: eval",
    ):
        training_files(pictures)


def test_pictures_that_share_no_class_with_the_model_are_refused(
    quick, tmp_path, capsys
):
    LabelMap(("cat",)).to_file(f"{quick[1]}/assets.extra/label_map.txt")

    assert main([*quick, "--output", str(tmp_path / "out")]) == 2

    told = capsys.readouterr().err
    assert "'eval', share no class: it knows 'cat'; they are 'dog'" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_class_that_only_the_pictures_have_is_one_that_nothing_finds(quick, run):
    found = read_split(run / "VocExampleGen/examples/12", "eval")
    other = dataclasses.replace(found[1], class_names=("emu",))
    pictures = Pictures(run, "eval", [found[0], other])

    served = Trial(quick[1], pictures, (1,), Bounds()).served

    assert served.judgement.ap50_by_class == pytest.approx({"dog": 1.0, "emu": 0.0})
    assert served.judgement.mean_ap == pytest.approx(0.5)


def test_what_cannot_be_meant_is_one_line_and_exit_status_two(
    model, run, tmp_path, capsys
):
    (tmp_path / "file").write_text("")
    out = ["--format", "litert", "--output", str(tmp_path / "out")]
    taken = ["--format", "litert", "--output", str(tmp_path / "file")]
    data = ["--data", str(run)]
    for arguments, message in (
        ([str(tmp_path / "run" / "VocExampleGen"), *out], "holds no model"),
        ([model, *taken, *data], "is there already; name a new folder"),
        ([model, *out], "lies in no run whose pictures could judge it; give --data"),
        ([model, *out, *data, "--split", "x"], "there are: eval, train"),
        ([model, *out, *data, "--max-map-loss", "2"], "is no loss in 0..1"),
    ):
        assert main(["export", *arguments]) == 2
        told = capsys.readouterr().err
        assert message in told
        assert told.count("\n") == 1
        assert not (tmp_path / "out").exists()
