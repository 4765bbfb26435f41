"""Accepted labels and the data that they are of: where files lie, and what changed."""

import io
import json
import os
import shutil
import sys

import pytest
from PIL import Image

from components.example_gen.source.annotation import read_annotation
from pipeline.__main__ import main
from pipeline.label_prices.source_xml import MOST_CHARACTERS, source_xmls

SIZE = "<size><width>40</width><height>30</height><depth>3</depth></size>"
NAMES = ("a", "b")


def write_image(data, annotation, picture, content=""):
    for path in (annotation, picture):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
    (data / annotation).write_text(f"<annotation>{SIZE}{content}</annotation>")
    Image.new("RGB", (40, 30)).save(data / picture)


@pytest.fixture
def voc(tmp_path):
    data = tmp_path / "voc"
    for name in NAMES:
        write_image(data, f"Annotations/{name}.xml", f"JPEGImages/{name}.png")
    return data


@pytest.fixture
def accept(tmp_path, capfd):
    """An overlooked dog in each image of a list of DATA, said yes to."""

    def listed(data, names=NAMES):
        sources = source_xmls(str(data), names)
        size = {"width": 40, "height": 30, "orientation": 1, "objects": []}
        images = {
            image_id: {"filename": f"{image_id}.png", **size, **source._asdict()}
            for image_id, source in sources.items()
        }
        labels = [
            {
                "image": image_id,
                "kind": "overlooked",
                "object": -1,
                "class_now": "",
                "class": "dog",
                "box_xywh": [5, 5, 10, 20],
                "sureness": 0.5,
                "AP_gained": 0.1,
                "answer": "yes",
            }
            for image_id in images
        ]
        content = {"AP": 0.4, "AP_mended": 0.5, "corners": "one_based"}
        content |= {"images": images, "labels": labels, "data": str(data)}
        (tmp_path / "answers.json").write_text(json.dumps(content))

    def run(*arguments):
        answers, out = str(tmp_path / "answers.json"), str(tmp_path / "out")
        code = main(["labels", *arguments, "--accept", answers, "--output", out])
        return code, "".join(capfd.readouterr())

    run.listed = listed
    return run


@pytest.fixture
def written(tmp_path):
    def of():
        out = tmp_path / "out"
        return sorted(str(path.relative_to(out)) for path in out.rglob("*.xml"))

    return of


@pytest.mark.parametrize(
    ("annotation", "picture"),
    [
        ("Annotations/a.xml", "JPEGImages/a.png"),
        ("Annotations/cam1/a.xml", "JPEGImages/cam1/a.png"),
        ("VOC2012/Annotations/a.xml", "VOC2012/JPEGImages/a.png"),
        ("annotations/a.XML", "images/a.png"),
        ("a.xml", "a.png"),
        ("train/a.xml", "train/a.png"),
    ],
)
def test_an_annotation_is_written_where_it_lies_in_the_data(
    tmp_path, accept, annotation, picture
):
    data = tmp_path / "voc"
    write_image(data, annotation, picture)
    accept.listed(data)
    assert accept()[0] == 0
    shutil.copytree(tmp_path / "out", data, dirs_exist_ok=True)  # cp -r out/. voc
    files = sorted(path for path in data.rglob("*") if path.is_file())
    assert files == sorted([data / annotation, data / picture])
    assert "<name>dog</name>" in (data / annotation).read_text()


def test_what_was_edited_after_the_list_is_left_out_and_named(voc, accept, written):
    accept.listed(voc)
    edited = voc / "Annotations" / "b.xml"
    edited.write_text(edited.read_text() + "\n")
    code, said = accept()
    assert code == 0
    assert "2 yes, 0 no, 0 open: 1 annotation in" in said
    assert "1 left out, changed since the list was made: b\n" in said
    assert "not compared" not in said
    assert written() == ["Annotations/a.xml"]


def test_where_all_was_edited_or_is_gone_there_is_nothing_to_write(
    voc, accept, tmp_path
):
    accept.listed(voc)
    (voc / "Annotations" / "a.xml").write_text("<annotation/>")
    (voc / "Annotations" / "b.xml").unlink()
    code, said = accept()
    assert code == 2
    assert "nothing is left to write" in said
    assert "a, b; make a new list" in said
    assert not (tmp_path / "out").exists()


def test_data_that_moved_are_compared_where_they_are_named(
    voc, accept, tmp_path, written
):
    accept.listed(voc)
    moved = voc.rename(tmp_path / "moved-3")
    (moved / "Annotations" / "b.xml").write_text("<annotation/>")
    code, said = accept()
    assert code == 0
    assert "not compared with the data" in said
    assert written() == ["Annotations/a.xml", "Annotations/b.xml"]
    shutil.rmtree(tmp_path / "out")

    code, said = accept(str(tmp_path / "moved-{SPAN}"))
    assert code == 0
    assert "1 left out, changed since the list was made: b\n" in said
    assert written() == ["Annotations/a.xml"]
    shutil.rmtree(tmp_path / "out")

    code, said = accept(str(moved / "Annotations"))
    assert code == 2
    assert "has none of the annotations that the list is of" in said


def test_a_second_round_is_compared_with_the_copy_of_what_was(
    voc, accept, tmp_path, written
):
    accept.listed(voc)
    shutil.copytree(voc / "Annotations", tmp_path / "before" / "Annotations")
    assert accept()[0] == 0
    shutil.copytree(tmp_path / "out", voc, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "out")
    assert accept()[0] == 2
    code, said = accept(str(tmp_path / "before"))
    assert code == 0
    assert "left out" not in said
    assert written() == ["Annotations/a.xml", "Annotations/b.xml"]


def test_a_long_annotation_is_not_in_the_list_and_is_made_anew(tmp_path, accept):
    around = len(f"<annotation>{SIZE}<note></note></annotation>")
    for name, beyond in (("a", 0), ("b", 1)):
        note = f"<note>{'x' * (MOST_CHARACTERS - around + beyond)}</note>"
        paths = (f"Annotations/{name}.xml", f"JPEGImages/{name}.png")
        write_image(tmp_path / "voc", *paths, note)
    accept.listed(tmp_path / "voc")
    sources = source_xmls(str(tmp_path / "voc"), NAMES)
    assert [len(sources[name].source) for name in NAMES] == [64 * 1024, 0]
    code, said = accept()
    assert code == 0
    assert "1 made anew, of what ingest keeps and no more: b\n" in said
    assert "left out" not in said


def test_an_annotation_that_was_damaged_since_ingest_read_it_stops_no_list(voc):
    (voc / "Annotations" / "b.xml").write_text("<annotation>")
    sources = source_xmls(str(voc), NAMES)
    assert sources["a"].source.startswith("<annotation><size>")
    assert sources["b"] == ("Annotations/b.xml", "", "")


def test_file_names_that_are_no_text_are_kept(tmp_path, accept, monkeypatch):
    """Of bytes that are no UTF-8: os has a lone surrogate for each."""
    data, odd = tmp_path / "voc", os.fsdecode(b"caf\xe9")
    write_image(data, f"Annotations/{odd}.xml", f"JPEGImages/{odd}.png")
    path = data / "Annotations" / f"{odd}.xml"
    path.write_text(path.read_text().replace("40", "80"))  # so it is made anew
    accept.listed(data, [odd])
    shown = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stdout", shown)

    assert accept()[0] == 0

    assert b"1 made anew, of what ingest keeps and no more: caf\\udce9\n" in (
        shown.buffer.getvalue()
    )
    raw = (tmp_path / "out" / "Annotations" / f"{odd}.xml").read_bytes()
    found = read_annotation(raw)
    assert found.filename == "caf\ufffd.png"  # XML can hold no other
    assert [one.name for one in found.objects] == ["dog"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_answers_with_a_number_that_is_none_are_refused(voc, accept, tmp_path, number):
    accept.listed(voc)
    answers = tmp_path / "answers.json"
    text = answers.read_text()
    answers.write_text(text.replace('"box_xywh": [5,', f'"box_xywh": [{number},'))
    code, said = accept()
    assert code == 2
    assert f"is no file of answers: {number} is no finite number" in said


def test_an_annotation_nested_a_thousand_deep_is_made_anew(tmp_path, accept):
    content = "<a>" * 2000 + "</a>" * 2000
    write_image(tmp_path / "voc", "Annotations/a.xml", "JPEGImages/a.png", content)
    accept.listed(tmp_path / "voc")
    code, said = accept()
    assert code == 0
    assert "1 made anew, of what ingest keeps and no more: a\n" in said
    assert "not compared" not in said


def test_a_folder_with_a_blank_is_quoted_in_the_command(tmp_path, capfd, voc, accept):
    accept.listed(voc)
    place = tmp_path / "my out"
    answers = ["--accept", str(tmp_path / "answers.json")]
    assert main(["labels", *answers, "--output", str(place)]) == 0
    assert f"cp -r '{place}'/. DATA\n" in capfd.readouterr().out
