"""Answers to a list of labels become annotations; ingest reads them."""

import json
from xml.etree import ElementTree

import pytest
from PIL import Image

from pipeline.__main__ import main
from schemas.mended_labels import from_text
from schemas.tf_example import decode_example

DOG = {"class": "dog", "box": [0, 4, 40, 30], "difficult": True, "pose": "Left"}
CAT = {"class": "cat", "box": [10, 10, 20, 20]}


def label(kind, number, **fields):
    return {
        "image": "a",
        "kind": kind,
        "object": number,
        "class_now": "",
        "class": "dog",
        "box_xywh": [5, 5, 10, 20],
        "sureness": 0.5,
        "AP_gained": 0.1,
        **fields,
    }


def answers(path, labels, corners="one_based", **fields):
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": [DOG, CAT]}
    content = {
        "AP": 0.4,
        "AP_mended": 0.5,
        "corners": corners,
        "images": {"a": picture},
        "labels": labels,
        **fields,
    }
    path.write_text(json.dumps(content))
    return str(path)


def accept(tmp_path, *arguments, **options):
    path = answers(tmp_path / "answers.json", *arguments, **options)
    return main(["labels", "--accept", path, "--output", str(tmp_path / "out")])


def written(tmp_path):
    """(name, corners, difficult) of the objects of the annotation."""
    from components.example_gen.source.annotation import read_annotation

    (path,) = (tmp_path / "out" / "Annotations").iterdir()
    assert path.name == "a.xml"
    return [
        (item.name, tuple(map(float, item.box.texts)), item.difficult)
        for item in read_annotation(path.read_bytes()).objects
    ]


def test_what_was_said_yes_to_is_mended_and_all_else_is_as_it_was(tmp_path, capfd):
    said = [
        label("overlooked", -1, answer="yes"),
        label("class", 0, **{"class": "cat", "answer": "no"}),
        label("box", 1, **{"class": "cat", "answer": "yes"}),
        label("duplicate", 0),
    ]
    assert accept(tmp_path, said) == 0
    assert written(tmp_path) == [
        ("dog", (1, 5, 40, 30), "1"),
        ("cat", (6, 6, 15, 25), "0"),
        ("dog", (6, 6, 15, 25), "0"),
    ]
    assert capfd.readouterr().out.startswith("2 yes, 1 no, 1 open: 1 annotations")


def test_the_annotation_records_what_its_labels_were(tmp_path):
    from components.example_gen.source.annotation import read_annotation

    beyond = {"class": "cat", "box_xywh": [30, 5, 20, 20]}  # the image is 40 px wide
    said = [
        label("overlooked", -1, answer="yes", **beyond),
        label("class", 0, **{"class": "cat", "answer": "yes"}),
        label("duplicate", 1, answer="yes"),
        label("box", 1, answer="no"),
    ]
    assert accept(tmp_path, said) == 0
    (path,) = (tmp_path / "out" / "Annotations").iterdir()
    whole = (0, 4, 40, 30)
    assert from_text(read_annotation(path.read_bytes()).mended) == [
        (("dog", whole, True), ("cat", whole, True)),
        (("cat", (10, 10, 20, 20), False), None),
        (None, ("cat", (30, 5, 40, 25), False)),
    ]


def test_a_renamed_object_keeps_its_flags_and_a_second_one_goes(tmp_path):
    said = [
        label("class", 0, **{"class": "cat", "answer": "yes"}),
        label("duplicate", 1, answer="yes"),
    ]
    assert accept(tmp_path, said) == 0
    assert written(tmp_path) == [("cat", (1, 5, 40, 30), "1")]


SOURCE = """<annotation><folder>VOC2007</folder><filename>a.png</filename>
<source><database>The VOC2007 Database</database><flickrid>7</flickrid></source>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>dog</name><pose>Left</pose><difficult>1</difficult>
<bndbox><xmin>1.0</xmin><ymin>5</ymin><xmax>40</xmax><ymax>30</ymax></bndbox>
<part><name>head</name><bndbox><xmin>2</xmin><ymin>6</ymin><xmax>9</xmax><ymax>9</ymax>
</bndbox></part><attributes><attribute><name>seen by</name><value>Ada</value>
</attribute></attributes></object>
<object><name>ghost</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>3</xmax><ymax>9</ymax>
</bndbox></object>
<object><name>cat</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>20</xmax>
<ymax>20</ymax></bndbox><polygon><x1>11</x1><y1>11</y1><x2>20</x2><y2>20</y2></polygon>
</object></annotation>"""


def flat(path):
    """Every element of an XML file with a text: (tag, text)."""
    elements = ElementTree.parse(path).iter()
    return [(e.tag, e.text.strip()) for e in elements if (e.text or "").strip()]


def test_what_ingest_does_not_read_stays_in_the_annotation(tmp_path):
    """Each kind of label, and nothing but it, as it differs from the source."""
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": [DOG, CAT]}
    said = [
        label("class", 0, **{"class": "wolf", "answer": "yes"}),
        label("box", 1, answer="yes", **{"class": "cat", "box_xywh": [12, 10, 9, 9]}),
        label("overlooked", -1, answer="yes"),
    ]
    images = {"a": {**picture, "source": SOURCE}}
    assert accept(tmp_path, said, images=images) == 0
    (tmp_path / "source.xml").write_text(SOURCE)
    was = flat(tmp_path / "source.xml")
    now = flat(tmp_path / "out" / "Annotations" / "a.xml")

    added = now.index(("name", "dog"))  # the new one; the old one is a wolf now
    expected = list(was)
    expected[was.index(("name", "dog"))] = ("name", "wolf")
    cat = expected.index(("name", "cat"))
    sides = [("xmin", "13"), ("ymin", "11"), ("xmax", "21"), ("ymax", "19")]
    expected[cat + 1 : cat + 5] = sides
    assert now[: len(expected)] == expected
    assert added == len(expected)
    assert now[-1][0] == "mended"


def test_one_that_goes_takes_its_own_element_and_no_other(tmp_path):
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": [DOG, CAT]}
    said = [label("duplicate", 0, answer="yes")]
    assert accept(tmp_path, said, images={"a": {**picture, "source": SOURCE}}) == 0
    names = [name for name, _, _ in written(tmp_path)]
    assert names == ["ghost", "cat"]


@pytest.mark.parametrize(
    "source", [SOURCE.replace("<xmax>40", "<xmax>39"), "<annotation>", ""]
)
def test_an_annotation_with_other_boxes_than_ingest_wrote_is_made_anew(
    tmp_path, source
):
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": [DOG, CAT]}
    said = [label("duplicate", 0, answer="yes")]
    assert accept(tmp_path, said, images={"a": {**picture, "source": source}}) == 0
    assert written(tmp_path) == [("cat", (11, 11, 20, 20), "0")]


EACH_CONVENTION = pytest.mark.parametrize(
    "corners", ["one_based", "zero_based", "zero_based_inclusive", "labelimg"]
)


@EACH_CONVENTION
def test_ingest_reads_the_boxes_as_they_were_whatever_the_data_count_from(
    tmp_path, corners
):
    from components.example_gen.source.annotation import read_annotation, to_half_open

    assert accept(tmp_path, [label("overlooked", -1, answer="yes")], corners) == 0
    (path,) = (tmp_path / "out" / "Annotations").iterdir()
    boxes = [
        to_half_open(tuple(map(float, item.box.texts)), corners)
        for item in read_annotation(path.read_bytes()).objects
    ]
    assert boxes == [(0, 4, 40, 30), (10, 10, 20, 20), (5, 5, 15, 25)]


@EACH_CONVENTION
def test_ingest_tells_from_them_how_the_data_count(tmp_path, corners):
    from components.example_gen.source.annotation import read_annotation
    from components.example_gen.source.corners import decide

    assert accept(tmp_path, [label("overlooked", -1, answer="yes")], corners) == 0
    (path,) = (tmp_path / "out" / "Annotations").iterdir()
    assert decide([read_annotation(path.read_bytes())]).convention == corners


def test_an_object_that_was_drawn_between_pixels_stays_there(tmp_path):
    drawn = {**DOG, "box": [0.25, 4.5, 39.9000015, 30]}
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": [drawn]}
    said = [label("overlooked", -1, answer="yes", box_xywh=[5.4, 5, 10, 20])]
    assert accept(tmp_path, said, "zero_based", images={"a": picture}) == 0
    assert [box for _, box, _ in written(tmp_path)] == [
        (0.25, 4.5, 39.9, 30),
        (5, 5, 15, 25),
    ]


def test_ingest_takes_them_in_the_place_of_the_old_ones(tmp_path, capfd):
    for name in ("Annotations", "JPEGImages"):
        (tmp_path / "voc" / name).mkdir(parents=True)
    Image.effect_mandelbrot((40, 30), (-2, -1, 1, 1), 9).save(
        tmp_path / "voc" / "JPEGImages" / "a.png"
    )
    assert accept(tmp_path, [label("overlooked", -1, answer="yes")]) == 0
    accepted = tmp_path / "out" / "Annotations" / "a.xml"
    accepted.rename(tmp_path / "voc" / "Annotations" / "a.xml")
    capfd.readouterr()

    checked = str(tmp_path / "checked")
    command = ["ingest", str(tmp_path / "voc"), "--output", checked, "--json"]
    assert main([*command, "--corners", "one_based"]) == 0
    assert json.loads(capfd.readouterr().out)["objects_written"] == 3
    # and hands on what they were
    (shard,) = (tmp_path / "checked").glob("Split-*/*")
    with shard.open("rb") as records:
        size = int.from_bytes(records.read(8), "little")
        records.read(4)
        example = decode_example(records.read(size))
    assert from_text(example.mended) == [(None, ("dog", (5, 5, 15, 25), False))]


@pytest.mark.parametrize(
    ("labels", "fields", "said"),
    [
        ([label("class", 2)], {}, "lacks object 2 of image 'a'"),
        ([label("class", 0, image="b")], {}, "of image 'b'"),
        ([label("class", 0, answer="maybe")], {}, "Invalid enum value 'maybe'"),
        ([label("class", 0, answer="no")], {}, "says yes to no label"),
        ([label("class", 0)], {"images": None}, "Expected `object`, got `null`"),
    ],
)
def test_what_are_no_answers_is_one_line(tmp_path, labels, fields, said, capfd):
    assert accept(tmp_path, labels, **fields) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_image_whose_name_leads_out_of_the_folder_is_refused(tmp_path, capfd):
    picture = {"filename": "a", "width": 9, "height": 9, "objects": []}
    said = [label("overlooked", -1, image="../../a", answer="yes")]
    assert accept(tmp_path, said, images={"../../a": picture}) == 2
    assert "would lie outside" in capfd.readouterr().err


def test_an_output_that_cannot_be_written_is_one_line(tmp_path, capfd):
    path = answers(tmp_path / "answers.json", [label("duplicate", 0, answer="yes")])
    assert main(["labels", "--accept", path, "--output", f"{path}/out"]) == 2
    error = capfd.readouterr().err
    assert f"--output {path}/out cannot be written (Not a directory)" in error
    assert error.count("\n") == 1


def test_answers_that_are_not_there_and_arguments_that_clash(tmp_path, capfd):
    out = ["--output", str(tmp_path / "out")]
    for arguments, said in (
        (["--accept", str(tmp_path / "none"), *out], "cannot be read"),
        (["runs/demo", "--accept", "a.json", *out], "without MODEL and DATA"),
        (["runs/demo", *out], "name MODEL and DATA, or --accept"),
    ):
        assert main(["labels", *arguments]) == 2
        assert said in capfd.readouterr().err
