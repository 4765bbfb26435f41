import json

import pytest
from PIL import Image

from components.report.pictures import read_examples
from pipeline.evaluation.examples import ALL_IMAGES, examples_of
from schemas.user_error import UserError

XML = (
    "<annotation><size><width>40</width><height>30</height><depth>3</depth></size>"
    "<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>20</xmax>"
    "<ymax>20</ymax></bndbox></object></annotation>"
)


def test_data_without_an_object_are_named(tmp_path):
    voc = tmp_path / "voc"
    for name in ("Annotations", "JPEGImages"):
        (voc / name).mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(voc / "JPEGImages/a.jpg")
    (voc / "Annotations/a.xml").write_text(
        XML.partition("<object>")[0] + "</annotation>"
    )
    with pytest.raises(UserError, match=r"voc has no object, .*1 of 1 images, 0 of 0"):
        examples_of(str(voc), "", str(tmp_path / "work"))


def test_what_is_left_out_beyond_the_budget_is_told(tmp_path, caplog):
    voc = tmp_path / "voc"
    for name in ("Annotations", "JPEGImages"):
        (voc / name).mkdir(parents=True)
    for name, file_format in (("a", "JPEG"), ("b", "GIF")):
        Image.new("RGB", (40, 30)).save(voc / f"JPEGImages/{name}.jpg", file_format)
        (voc / f"Annotations/{name}.xml").write_text(XML)
    found = examples_of(str(voc), "", str(tmp_path / "work"))
    assert [one.image_id for one in read_examples(found.file_pattern)] == ["a"]
    (told,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "1 of 2 images rejected" in told
    assert "format_unsupported 1" in told


def test_an_image_of_two_image_sets_counts_once(tmp_path):
    voc = tmp_path / "voc"
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (voc / name).mkdir(parents=True)
    for turn, name in enumerate("abc"):
        picture = Image.effect_mandelbrot((40, 30), (-2, -1 - turn, 1, 1), 9)
        picture.save(voc / f"JPEGImages/{name}.jpg")
        (voc / f"Annotations/{name}.xml").write_text(XML)
    for split, ids in (("train", "a b"), ("val", "c"), ("test", "a")):
        (voc / f"ImageSets/Main/{split}.txt").write_text(ids.replace(" ", "\n"))

    found = examples_of(str(voc), "", str(tmp_path / "work"))

    ids = [example.image_id for example in read_examples(found.file_pattern)]
    assert sorted(ids) == ["a", "b", "c"]
    assert found.split == ALL_IMAGES


@pytest.mark.parametrize(
    ("examples", "report"),
    [("out", "out"), ("root/VocExampleGen/examples/3", "root/VocExampleGen/report/3")],
)
def test_tfrecords_are_counted_as_ingest_decided(tmp_path, examples, report):
    folder, told = tmp_path / examples, tmp_path / report
    (folder / "Split-test").mkdir(parents=True)
    (folder / "Split-test" / "images-00000-of-00001").write_bytes(b"")
    (folder / "label_map.txt").write_text("dog\n")
    found = examples_of(str(folder), "", str(tmp_path))
    assert (found.corners, found.corners_assumed) == ("one_based", True)

    told.mkdir(parents=True, exist_ok=True)
    details = {"corners": {"convention": "labelimg", "evidence": "the mark"}}
    (told / "report.json").write_text(json.dumps({"details": details}))
    found = examples_of(str(folder), "", str(tmp_path))
    assert (found.corners, found.corners_assumed) == ("labelimg", False)


def test_examples_of_several_spans_are_known_as_such(tmp_path):
    folder = tmp_path / "Split-test"
    folder.mkdir()
    (tmp_path / "label_map.txt").write_text("dog\n")
    (folder / "span-7-images-00000-of-00001").write_bytes(b"")
    assert examples_of(str(tmp_path), "", str(tmp_path)).window
    (folder / "images-00000-of-00001").write_bytes(b"")
    assert not examples_of(str(tmp_path), "", str(tmp_path)).window


def test_each_span_of_a_window_counts_as_its_ingest_decided(tmp_path):
    folder = tmp_path / "root/SpanWindow/examples/9"
    (folder / "Split-test").mkdir(parents=True)
    (folder / "label_map.txt").write_text("dog\n")
    for span in (7, 12):
        (folder / f"Split-test/span-{span}-images-00000-of-00001").write_bytes(b"")

    def told():
        found = examples_of(str(folder), "", str(tmp_path))
        return found.span_corners, found.corners_assumed

    assert told() == ({}, True)
    for number, (span, convention) in enumerate(
        (("12", "zero_based"), ("7", "one_based"), ("7", "labelimg")), 9
    ):
        report = tmp_path / f"root/VocExampleGen-{span}/report/{number}/report.json"
        report.parent.mkdir(parents=True)
        details = {"corners": {"convention": convention, "evidence": "the mark"}}
        report.write_text(json.dumps({"details": details}))
        if number == 9:
            assert told() == ({"12": "zero_based"}, True)
    assert told() == ({"7": "labelimg", "12": "zero_based"}, False)
