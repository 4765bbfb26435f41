"""`predict --batch` beside plain `predict`: the same detections, by workers."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main
from schemas.user_error import UnavailableError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory, save_one_box):
    """Its one box is the picture times .7, a number that float32 has not."""
    folder = tmp_path_factory.mktemp("root") / "served" / "7"
    save_one_box(folder, edge=0.7)
    return str(folder)


def picture(path, size, **options):
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, "gray").save(path, **options)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures of several sizes, one turned, beside a file that is none."""
    folder = tmp_path_factory.mktemp("pictures [1]*")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, seen standing
    picture(folder / "turned.jpg", (40, 30), exif=exif)
    for number, size in enumerate([(41, 33), (41, 33), (57, 21), (13, 17)]):
        picture(folder / f"p{number}.png", size)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not asked about")
    return folder


def results(output):
    """Of all shards, in the order of the pictures' names."""
    found = []
    for shard in output.glob("results*.json"):
        found += json.loads(shard.read_text())
    return sorted(found, key=lambda result: result["image_id"])


def rows(output):
    found = []
    for shard in output.glob("detections*.csv"):
        with shard.open(newline="") as file:
            header, *more = csv.reader(file)
        assert header == ["image", "class", "score", "xmin", "ymin", "xmax", "ymax"]
        found += more
    return sorted(found)


def unreadable(output):
    lines = []
    for shard in output.glob("unreadable-*.jsonl"):
        lines += map(json.loads, shard.read_text().splitlines())
    return lines


def test_a_batch_finds_what_predict_finds_to_the_last_digit(
    tmp_path, model, pictures, capfd
):
    plain, batch = tmp_path / "plain", tmp_path / "batch"
    asked = ["predict", model, str(pictures), "--threshold", "0.5"]

    assert main([*asked, "--output", str(plain)]) == 1
    assert main([*asked, "--output", str(batch), "--batch"]) == 1

    assert len(results(plain)) == 5
    assert results(batch) == results(plain)
    assert rows(batch) == rows(plain)
    assert (batch / "label_map.txt").read_text() == "dog\n"
    (left_out,) = unreadable(batch)
    broken = pictures / "broken.jpg"
    assert (left_out["image"], left_out["file"]) == ("broken", str(broken))
    assert "cannot identify" in left_out["reason"]
    counts = {"pictures": 5, "shown": 5, "unreadable": 1}
    assert json.loads((batch / "summary.json").read_text()) == counts
    said = capfd.readouterr()
    assert f"5 pictures, 5 detections shown, 1 unreadable: {batch}" in said.out


def test_many_pictures_of_a_size_go_through_at_once(tmp_path, model, pictures):
    batch = tmp_path / "batch"
    asked = ["predict", model, str(pictures), "--output", str(batch)]

    assert main([*asked, "--batch", "--pictures-per-call", "3"]) == 1

    found = {result["image_id"]: result["bbox"] for result in results(batch)}
    for name, (width, height) in {"p0": (41, 33), "p2": (57, 21)}.items():
        assert found[name] == pytest.approx([0, 0, width * 0.7, height * 0.7])


def test_tfrecords_are_read_as_far_as_they_are_sound(tmp_path, model, write_examples):
    folder = tmp_path / "Split-eval"
    folder.mkdir()
    images = {name: (40, 30, [(0, 0, 5, 5)]) for name in ("a", "b")}
    write_examples(folder / "images-00000-of-00002.gz", images)
    cut = folder / "images-00001-of-00002.gz"
    write_examples(cut, {"b": (20, 10, []), "c": (20, 10, []), "d": (20, 10, [])})
    cut.write_bytes(cut.read_bytes()[:-30])
    batch = tmp_path / "batch"
    asked = ["predict", model, str(folder), "--output", str(batch), "--batch"]

    assert main(asked) == 1

    found = {result["image_id"]: result["bbox"] for result in results(batch)}
    assert found["a"] == found["b"] == pytest.approx([0, 0, 28, 21])
    assert "d" not in found
    by_record = {line["record"]: line for line in unreadable(batch)}
    assert by_record[0]["image"] == "b"
    assert (
        "images-00000-of-00002.gz has an image of this name" in by_record[0]["reason"]
    )
    assert "nothing from here on can be read" in by_record[max(by_record)]["reason"]
    assert {line["file"] for line in unreadable(batch)} == {str(cut)}


def test_a_record_without_an_image_is_named(tmp_path, model):
    import tensorflow as tf

    path = tmp_path / "some.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"no example")
        writer.write(tf.train.Example().SerializeToString())
    batch = tmp_path / "batch"

    asked = ["predict", model, str(path), "--output", str(batch), "--batch"]
    assert main(asked) == 1
    assert results(batch) == []
    assert sorted(line["record"] for line in unreadable(batch)) == [0, 1]


def test_a_file_that_is_named_twice_is_one(tmp_path, model):
    asked = str(picture(tmp_path / "in" / "a.png", (40, 30)))
    batch = tmp_path / "batch"

    folder = str(tmp_path / "in")
    assert (
        main(["predict", model, asked, folder, "--output", str(batch), "--batch"]) == 0
    )
    assert len(results(batch)) == 1


def test_what_cannot_be_meant_is_one_line_and_exit_status_two(tmp_path, model, capfd):
    asked = str(picture(tmp_path / "in" / "a.png", (40, 30)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    new = ["--output", str(tmp_path / "new")]
    for arguments, message in (
        ([asked, *new, "--runner", "prism"], "--runner goes with --batch"),
        ([asked, *new, "--pictures-per-call", "4"], "goes with --batch"),
        ([asked, *new, "--batch", "--pictures-per-call", "0"], "at least 1"),
        ([asked, *new, "--batch", "--runner", "flink"], "runner flink needs"),
        ([f"{asked}.not", *new, "--batch"], "there is no picture"),
        ([str(tmp_path / "empty"), *new, "--batch"], "no pictures and no TFRecords in"),
        ([asked, "--output", str(tmp_path / "full"), "--batch"], "holds files"),
        ([asked, "--output", f"{asked}/new", "--batch"], "cannot be written (Not a"),
    ):
        assert main(["predict", model, *arguments]) == 2
        said = capfd.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_store_behind_another_file_system(tmp_path, model, other_store):
    picture(tmp_path / "in" / "a.png", (40, 30))
    folder = other_store(tmp_path / "in")
    batch = tmp_path / "batch"

    assert main(["predict", model, folder, "--output", str(batch), "--batch"]) == 0
    assert np.allclose(results(batch)[0]["bbox"], [0, 0, 28, 21])


@pytest.mark.parametrize(
    ("ended_by", "status"),
    [(UnavailableError("Prism is lost"), 69), (KeyboardInterrupt(), 130)],
)
@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_batch_that_is_broken_off_leaves_nothing_in_the_way_of_the_next(
    model, pictures, tmp_path, monkeypatch, ended_by, status, is_there, slash
):
    out, of_others = tmp_path / "out", tmp_path / "out.gone/kept"
    of_others.mkdir(parents=True)
    if is_there:
        out.mkdir()
    before = sorted(tmp_path.iterdir())

    def broken_off(*_):
        assert (out / "label_map.txt").exists()
        (out / "beam-temp-results-1").mkdir()
        raise ended_by

    monkeypatch.setattr("pipeline.prediction.batch.build", broken_off)
    command = ["predict", model, str(pictures), "--output", f"{out}{slash}", "--batch"]
    assert main(command) == status
    assert sorted(tmp_path.iterdir()) == before
    assert of_others.exists()
    assert not out.exists() or list(out.iterdir()) == []
