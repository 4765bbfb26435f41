import csv
import errno
import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from components.baseline.push_record import PushRecord
from pipeline.__main__ import main
from pipeline.prediction.detector import Detector, on_this_machine
from pipeline.prediction.pictures import read_picture
from schemas.user_error import UnavailableError

# The detector's one box is the whole picture, a dog of score .5.


@pytest.fixture(scope="module")
def model(tmp_path_factory, save_one_box):
    folder = tmp_path_factory.mktemp("root") / "served" / "7"
    save_one_box(folder)
    return folder


@pytest.fixture
def predict(tmp_path, model, capfd):
    """Runs the command; returns exit status, what it wrote, and its messages."""

    def predict(*arguments, place=model):
        output = tmp_path / "out"
        status = main(
            ["predict", str(place), *map(str, arguments), "--output", str(output)]
        )
        return status, output, capfd.readouterr()

    return predict


def picture(path, size=(40, 30), **options):
    Image.new("RGB", size, "gray").save(path, **options)
    return path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def results(output):
    return json.loads((output / "results.json").read_text())


def rows(output):
    with (output / "detections.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_a_picture_is_drawn_and_written_down_in_its_pixels(tmp_path, predict):
    status, output, _ = predict(picture(tmp_path / "a.png"), "--threshold", 0.5)

    assert status == 0
    (found,) = results(output)
    assert found["image_id"] == "a"
    assert found["category_id"] == 1
    assert found["bbox"] == [0, 0, 40, 30]
    assert found["score"] == pytest.approx(0.5)
    assert rows(output) == [
        ["image", "class", "score", "xmin", "ymin", "xmax", "ymax"],
        ["a", "dog", "0.500000", "0.00", "0.00", "40.00", "30.00"],
    ]
    assert (output / "label_map.txt").read_text() == "dog\n"
    drawn = pixels(output / "a.jpg")
    assert drawn.shape == (30, 40, 3)
    assert np.ptp(drawn) > 50  # the picture is of one gray


def test_a_picture_longer_than_any_jpeg_is_drawn_smaller(tmp_path, predict):
    status, output, _ = predict(picture(tmp_path / "a.png", (70_000, 2)))

    assert status == 0
    (found,) = results(output)
    assert found["bbox"] == [0, 0, 70_000, 2]
    assert pixels(output / "a.jpg").shape == (2, 65_500, 3)


def test_a_disk_that_fills_up_is_one_line(tmp_path, predict, monkeypatch):
    def save(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "out/a.jpg")

    path = picture(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "save", save)
    status, _, told = predict(path)

    assert status == 2
    line = told.err.splitlines()[-1]
    assert "the disk is full (No space left on device at out/a.jpg); make room" in line
    assert "Traceback" not in told.err


def test_a_picture_is_turned_as_exif_says(tmp_path, predict):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, seen standing
    status, output, _ = predict(picture(tmp_path / "a.jpg", exif=exif))

    assert status == 0
    assert rows(output)[1][3:] == ["0.00", "0.00", "30.00", "40.00"]
    assert results(output)[0]["bbox"] == [0, 0, 40, 30]
    assert pixels(output / "a.jpg").shape == (40, 30, 3)


def test_a_box_goes_back_to_where_its_pixels_are_stored(tmp_path):
    # Stored 40 x 30; 6 shows row 0 on the right, column 0 on top: 30 x 40. A box at the
    # top right, 10 wide and 5 high, is stored at the top left, 5 wide and 10 high.
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = read_picture(str(picture(tmp_path / "a.jpg", exif=exif)))
    assert turned.as_stored((20, 0, 30, 5)) == (0, 0, 5, 10)
    upright = read_picture(str(picture(tmp_path / "b.jpg")))
    assert upright.as_stored((20, 0, 30, 5)) == (20, 0, 30, 5)


def test_a_picture_of_16_bits_keeps_its_high_byte_as_in_serving(tmp_path):
    deep = np.arange(0, 60_000, 100, dtype=np.uint16).reshape(20, 30)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    pixels = read_picture(str(tmp_path / "deep.png")).pixels
    assert (pixels == (deep >> 8)[..., None]).all()


@pytest.mark.parametrize("orientation", [1, 6])
def test_score_takes_the_results(orientation, tmp_path, predict, capfd):
    folder = tmp_path / "voc"
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(folder / "JPEGImages" / "a.jpg", exif=exif)
    # VOC counts pixels from 1: the whole of 40 x 30.
    (folder / "Annotations" / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename>"
        "<size><width>40</width><height>30</height><depth>3</depth></size>"
        "<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
        "<xmax>40</xmax><ymax>30</ymax></bndbox></object></annotation>"
    )
    _, output, _ = predict(folder / "JPEGImages")
    detections = str(output / "results.json")
    arguments = ["--ground-truth", str(folder), "--detections", detections, "--json"]

    assert main(["score", *arguments]) == 0
    assert json.loads(capfd.readouterr().out)["AP"] == pytest.approx(1)


@pytest.mark.parametrize(("threshold", "shown"), [(0.4, 1), (0.6, 0)])
def test_what_is_shown_follows_the_threshold_that_the_evaluator_found(
    tmp_path, save_one_box, predict, threshold, shown
):
    folder = tmp_path / "served" / "8"
    save_one_box(folder)
    record = PushRecord(
        fingerprint="",
        judged_against="",
        model_digest="",
        score_thresholds={
            "split": "eval",
            "overall": 0.45,
            "by_class": {"dog": threshold},
        },
    )
    (folder / "assets.extra" / "push.json").write_text(record.to_json())

    # A push destination stands for its newest version.
    _, output, said = predict(picture(tmp_path / "a.png"), place=folder.parent)

    assert len(rows(output)) == 1 + shown
    assert len(results(output)) == 1  # every detection, or score would judge the cut
    assert "no thresholds of its own" not in said.err


def test_a_file_that_is_no_picture_is_named_and_the_others_go_on(tmp_path, predict):
    broken = tmp_path / "b.jpg"
    broken.write_bytes(b"no picture")
    status, output, said = predict(picture(tmp_path / "a.png"), broken)

    assert status == 1
    assert f"{broken} is no picture: cannot identify" in said.err
    assert "1 picture, 1 detection shown, 1 unreadable" in said.out
    assert [found["image_id"] for found in results(output)] == ["a"]


def test_what_a_library_says_past_python_is_not_shown(tmp_path, predict, monkeypatch):
    detect = Detector.detect

    def noisy(detector, pixels):
        os.write(2, b"oneDNN supports nothing")
        return detect(detector, pixels)

    monkeypatch.setattr(Detector, "detect", noisy)
    status, _, said = predict(picture(tmp_path / "a.png"), "--threshold", 0.5)

    assert status == 0
    assert said.err == ""


def test_a_model_in_a_folder_whose_name_reads_like_a_pattern(
    tmp_path, save_one_box, predict
):
    folder = tmp_path / "served [v1]*?" / "8"
    save_one_box(folder)

    status, output, _ = predict(picture(tmp_path / "a.png"), place=folder)

    assert status == 0
    assert results(output)[0]["bbox"] == [0, 0, 40, 30]


def test_a_model_behind_another_file_system(tmp_path, model, predict, other_store):
    asked = picture(tmp_path / "a.png")
    for place in (model, model.parent, model.parent.parent):
        status, output, _ = predict(asked, place=other_store(place))
        assert status == 0
        assert results(output)[0]["bbox"] == [0, 0, 40, 30]


def test_an_error_about_the_copy_of_a_model_names_the_model(tmp_path, other_store):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").touch()
    url = other_store(tmp_path / "model")
    kind = pytest.raises(UnavailableError, match=f"^{re.escape(url)} is lost$")
    with kind, on_this_machine(url) as copy:
        raise UnavailableError(f"{copy} is lost")


def test_a_picture_is_never_replaced_by_its_drawing(tmp_path, predict):
    (tmp_path / "out").mkdir()
    mine = picture(tmp_path / "out" / "a.jpg", comment=b"mine")
    elsewhere = picture(tmp_path / "a.png")
    kept = mine.read_bytes()

    # No model is there: it must be refused before one is loaded.
    for asked, why in (
        (mine.parent, "would be replaced by its own drawing"),
        (mine, "would be replaced by its own drawing"),
        (elsewhere, "is no drawing of `predict`"),
    ):
        status, _, said = predict(asked, place=tmp_path / "nothing")
        assert status == 2
        assert f"{mine} {why}" in said.err
        assert said.err.count("\n") == 1
    assert mine.read_bytes() == kept
    assert [path.name for path in mine.parent.iterdir()] == ["a.jpg"]


def test_a_label_map_of_the_user_is_not_replaced(tmp_path, predict):
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "label_map.txt"
    mine.write_text("cat\n")

    status, _, said = predict(picture(tmp_path / "a.png"))

    assert status == 2
    assert f"{mine} is not of `predict`" in said.err
    assert mine.read_text() == "cat\n"


def test_results_of_an_earlier_time_are_replaced(tmp_path, predict):
    asked = picture(tmp_path / "a.png")
    predict(asked)
    picture(asked, size=(60, 50))

    status, output, _ = predict(asked)

    assert status == 0
    assert pixels(output / "a.jpg").shape == (50, 60, 3)
    assert results(output)[0]["bbox"] == [0, 0, 60, 50]
    assert predict(output / "a.jpg")[0] == 2  # a drawing, but one that is asked about


def test_a_file_in_the_place_of_the_output_is_left(tmp_path, predict):
    (tmp_path / "out").write_text("mine")
    status, output, said = predict(picture(tmp_path / "a.png"))
    assert status == 2
    assert "out is a file; name a folder" in said.err
    assert output.read_text() == "mine"


def test_what_cannot_be_meant_is_one_line_and_exit_status_two(tmp_path, predict):
    one, other = tmp_path / "a.png", tmp_path / "more" / "a.jpg"
    other.parent.mkdir()
    picture(one)
    picture(other)
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([one, other], "have one name"),
        ([tmp_path / "c.png"], "there is no picture"),
        ([tmp_path / "empty"], "no pictures in"),
        ([one, "--threshold", "1.5"], "--threshold 1.5 is no score"),
    ):
        status, _, said = predict(*arguments)
        assert status == 2
        assert message in said.err
        assert said.err.count("\n") == 1
    status, _, said = predict(one, place="nfs://host/served")
    assert status == 2
    assert "nothing here reads nfs://" in said.err
    status, _, said = predict(one, place=tmp_path / "empty")
    assert status == 2
    assert "holds no model" in said.err


def test_a_pattern_is_what_it_matches_and_a_name_that_is_there_is_none(
    tmp_path, predict
):
    for name in ("a.png", "more/b.jpg", "more/[c].jpg", "of [1]/deep/d.jpg"):
        place = tmp_path / "in" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        picture(place)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    for pattern, found in (
        ("in/**/*", {"a", "b", "[c]", "d"}),
        ("in/of [1]/*/*.jpg", {"d"}),  # a folder that is there is none, either
        ("in/*.png", {"a"}),
        ("in/more/[c].jpg", {"[c]"}),  # as a pattern it would be c.jpg
    ):
        status, output, said = predict(tmp_path / pattern)
        assert status == 0, said.err
        drawn = {path.stem for path in output.glob("*.jpg")}
        assert drawn == found
        shutil.rmtree(output)
    status, _, said = predict(tmp_path / "in/*.gif")
    assert status == 2
    assert "there is no picture" in said.err


@pytest.mark.parametrize("options", [[], ["--batch"]])
def test_folders_that_a_pattern_matches_are_named_by_it(tmp_path, predict, options):
    for name in ("in/a[1].png", "in/deep/deeper/b.png"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        picture(place)

    status, output, said = predict(tmp_path / "in/**", *options)

    assert status == 0, said.err
    assert "passed over" not in said.err  # in/deep/deeper was asked about
    (tables,) = output.glob("detections*.csv")
    found = tables.read_text()
    assert "\na[1]," in found
    assert "\nb," in found


def test_what_is_passed_over_in_folders_is_told(tmp_path, predict):
    deep = tmp_path / "in" / "deep"
    deep.mkdir(parents=True)
    picture(deep / "a.png")
    hint = f"folders in folders are passed over (name them): {deep}"
    status, output, said = predict(tmp_path / "in")
    assert status == 2
    assert said.err.endswith(f"no pictures in {tmp_path / 'in'}; {hint}\n")
    status, output, said = predict(tmp_path / "in", "--batch")
    assert status == 2
    assert said.err.endswith(f"{hint}\n")

    picture(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "images-00000-of-00001").write_bytes(b"")
    status, output, said = predict(tmp_path / "in")
    assert status == 0
    assert said.err.startswith(f"{hint}; TFRecords are for --batch\n")
    assert [row[0] for row in rows(output)[1:]] == ["b"]
