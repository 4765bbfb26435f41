"""Answers to a list of labels become annotations; ingest reads them."""

import json

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
    assert capfd.readouterr().out.startswith("2 yes, 1 no, 1 open: 1 annotation in")


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
def test_the_record_has_the_boxes_that_ingest_will_read(tmp_path, corners):
    """labelImg alone writes 1 for a minimum of 0: to it a box from 1 begins at 0."""
    from components.example_gen.source.annotation import read_annotation

    said = [
        label("overlooked", -1, answer="yes", box_xywh=[1, 1, 9, 9]),
        label("box", 1, answer="yes", **{"class": "cat", "box_xywh": [1, 2, 9, 9]}),
    ]
    assert accept(tmp_path, said, corners) == 0
    (path,) = (tmp_path / "out" / "Annotations").iterdir()
    record = from_text(read_annotation(path.read_bytes()).mended)
    first = 0 if corners == "labelimg" else 1
    assert [label.now.box for label in record] == [
        (first, 2, 10, 11),
        (first, first, 10, 10),
    ]


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


def test_annotations_of_a_window_lie_in_their_span_and_it_says_where_they_go(
    tmp_path, capfd
):
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": []}
    names = ("10/a", "7/cam1/a", "7/b")
    said = [label("overlooked", -1, image=name, answer="yes") for name in names]
    images = dict.fromkeys(names, picture)
    assert accept(tmp_path, said, images=images, window=True) == 0
    out = tmp_path / "out"
    assert {str(path.relative_to(out)) for path in out.rglob("*.xml")} == {
        "span-10/Annotations/a.xml",
        "span-7/Annotations/cam1/a.xml",
        "span-7/Annotations/b.xml",
    }
    assert (
        f"copy them over those of span 7: cp -r {out}/span-7/. DATA; "
        f"those of span 10: cp -r {out}/span-10/. DATA\n"
    ) in capfd.readouterr().out


def test_the_boxes_of_each_span_count_as_it_does(tmp_path, capfd):
    """x and y from 5 half-open are 6 in VOC's way, taken where nothing told."""
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": []}
    names = ("10/a", "7/a")
    said = [label("overlooked", -1, image=name, answer="yes") for name in names]
    fields = {"images": dict.fromkeys(names, picture), "window": True}
    fields |= {"span_corners": {"7": "zero_based"}, "corners_assumed": True}
    assert accept(tmp_path, said, **fields) == 0
    assert "the boxes count from 1, as VOC's do, where no report" in (
        capfd.readouterr().out
    )
    for span, lowest, mark in (("10", 6, "one_based"), ("7", 5, "zero_based")):
        path = tmp_path / "out" / f"span-{span}" / "Annotations" / "a.xml"
        assert f"<xmin>{lowest}</xmin>" in path.read_text()
        assert f"voc-pipeline, corners {mark}<" in path.read_text()


@pytest.mark.parametrize("name", ["../../a", "x/../../../a", "7/../../../a"])
def test_no_span_leads_out_of_the_folder(tmp_path, name, capfd):
    picture = {"filename": "a", "width": 9, "height": 9, "objects": []}
    said = [label("overlooked", -1, image=name, answer="yes")]
    assert accept(tmp_path, said, images={name: picture}, window=True) == 2
    assert "would lie outside" in capfd.readouterr().err


def test_what_fails_half_way_leaves_nothing_and_can_be_tried_again(tmp_path, capfd):
    picture = {"filename": "a.png", "width": 40, "height": 30, "objects": []}
    longest = "b" * 300  # no file system takes such a name
    said = [
        label("overlooked", -1, answer="yes"),
        label("overlooked", -1, image=longest, answer="yes"),
    ]
    images = {"a": picture, longest: picture}
    assert accept(tmp_path, said, images=images) == 2
    assert "cannot be written (File name too long)" in capfd.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
    assert accept(tmp_path, said[:1], images=images) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Annotations"]


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
        (["runs", "voc", "--accept", "a.json", *out], "goes without MODEL"),
        (["none", "--accept", "a.json", *out], "no such data set: none"),
        (["runs/demo", *out], "name MODEL and DATA, or --accept"),
    ):
        assert main(["labels", *arguments]) == 2
        assert said in capfd.readouterr().err
