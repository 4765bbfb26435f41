import contextlib
import json

import html5lib
import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.label_prices.write import data_to_pass_on

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
HTML = "{http://www.w3.org/1999/xhtml}"

# The one box is the whole picture, 40 x 30, a dog of score .5; boxes are as in VOC.
WHOLE = (1, 1, 40, 30)
IMAGES = {
    "fine": [("dog", WHOLE)],
    "overlooked\udce9": [("cat", (1, 1, 3, 3))],  # a file name of Latin-1
    "renamed": [('<b>&"', WHOLE)],
    "loose": [("dog", (1, 1, 16, 30)), ("cat", (1, 1, 3, 3))],  # IoU .4
    "twice": [("dog", WHOLE), ("dog", (1, 1, 39, 29))],
}


def write_voc(folder):
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    escaped = {'<b>&"': "&lt;b&gt;&amp;&quot;"}
    for turn, (name, objects) in enumerate(IMAGES.items()):
        picture = Image.effect_mandelbrot((40, 30), (-2, -1 - turn, 1, 1), 9)
        picture.save(folder / "JPEGImages" / f"{name}.jpg")
        rows = "".join(
            f"<object><name>{escaped.get(label, label)}</name><bndbox><xmin>{box[0]}"
            f"</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax>"
            "</bndbox></object>"
            for label, box in objects
        )
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name[:5]}.jpg</filename><size><width>40</width>"
            f"<height>30</height><depth>3</depth></size>{rows}<weather>fog</weather>"
            "</annotation>"
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory, save_one_box):
    folder = tmp_path_factory.mktemp("labels")
    save_one_box(folder / "served" / "7")
    (folder / "voc-6").mkdir()
    write_voc(folder / "voc-7")
    return folder


@pytest.fixture(scope="module")
def out(place):
    arguments = ["served", "voc-{SPAN}", "--output", "out"]
    with contextlib.chdir(place):
        assert main(["labels", *arguments, "--quiet"]) == 0
    return place / "out"


def test_each_error_is_in_the_list_with_its_price(out):
    told = json.loads((out / "labels.json").read_text())
    kinds = {label["image"]: label["kind"] for label in told["labels"]}
    assert kinds == {
        "overlooked\udce9": "overlooked",
        "renamed": "class",
        "loose": "box",
        "twice": "duplicate",
    }
    assert all(label["AP_gained"] > 0 for label in told["labels"])
    assert told["AP_mended"] > told["AP"]


def test_the_list_says_of_which_files_it_is_and_what_it_says_is_taken(
    place, out, tmp_path, capfd
):
    told = json.loads((out / "labels.json").read_text())
    assert told["data"] == "voc-7"  # the newest span
    paths = {picture["path"] for picture in told["images"].values()}
    lie = {f"Annotations/{name}.xml" for name in IMAGES if name != "fine"}
    assert paths == lie
    for one in told["labels"]:
        one["answer"] = "yes"
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(told))
    command = ["labels", "--accept", str(answers), "--output", str(tmp_path / "to")]
    with contextlib.chdir(place):
        assert main([*command, "--json"]) == 0
    done = json.loads(capfd.readouterr().out)
    assert done["annotations"] == 4
    assert done["compared"]
    assert done["made_anew"] == done["changed_since"] == []


def test_nothing_that_is_passed_on_has_a_path_of_this_machine(place, out):
    for path in out.rglob("*.*"):
        assert str(place) not in path.read_text(), path
    assert data_to_pass_on("voc-7") == "voc-7"
    assert data_to_pass_on(str(place / "voc-7")) == data_to_pass_on("~/voc-7") == ""
    assert data_to_pass_on("gs://voc/7") == "gs://voc/7"


def test_the_proposals_are_annotations_that_ingest_reads(out):
    from components.example_gen.source.annotation import read_annotation

    read = {
        path.stem: [
            (item.name, tuple(map(float, item.box.texts)))
            for item in read_annotation(path.read_bytes()).objects
        ]
        for path in (out / "Annotations").iterdir()
    }
    assert read == {
        "overlooked\udce9": [("cat", (1, 1, 3, 3)), ("dog", WHOLE)],
        "renamed": [("dog", WHOLE)],
        "loose": [("dog", WHOLE), ("cat", (1, 1, 3, 3))],
        "twice": [("dog", WHOLE)],
    }
    for path in (out / "Annotations").iterdir():  # and what it does not read
        assert "<weather>fog</weather>" in path.read_text()


def test_the_page_shows_each_with_the_label_now_and_as_it_would_be(out):
    page = html5lib.HTMLParser(strict=True).parse((out / "labels.html").read_text())
    cards = ["".join(li.itertext()) for li in page.iter(HTML + "li")]
    (renamed,) = [card for card in cards if "renamed.jpg" in card]
    assert 'wrong class: this <b>&" is a dog' in renamed
    assert '✗ <b>&"' in renamed
    assert "✓ dog" in renamed


def test_labels_that_somebody_may_have_corrected_are_not_written_over(
    place, out, capsys
):
    arguments = [str(place / "served"), str(place / "voc-7")]
    (out / "Annotations" / "renamed.xml").write_text("corrected")
    for folder in (place / "voc-7", out):
        assert main(["labels", *arguments, "--output", str(folder)]) == 2
        assert "holds files, perhaps corrected labels" in capsys.readouterr().err
    assert (out / "Annotations" / "renamed.xml").read_text() == "corrected"


def test_annotations_are_read_as_told_and_a_break_leaves_no_folder(
    place, out, tmp_path, monkeypatch, capsys
):
    voc, new = place / "voc-7", tmp_path / "new"
    command = ["labels", str(place), str(voc), "--output", str(new), "--json"]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.label_prices.write.write_priced", interrupted)
        assert main(command) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not new.exists()

    # Boxes that are read from 0 on begin a pixel to the right: no price is the same.
    before = json.loads((out / "labels.json").read_text())
    assert main([*command, "--corners", "zero_based"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["reading"].endswith("corners zero_based")
    assert told["AP"] != before["AP"]
    assert json.loads((new / "labels.json").read_text())["corners"] == "zero_based"
