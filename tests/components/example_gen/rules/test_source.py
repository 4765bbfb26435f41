"""Rules on what was found on disk."""

import pytest

BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>'
    b"<annotation><filename>&y;</filename></annotation>"
)
EXTERNAL = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<annotation><filename>&x;</filename></annotation>"
)


def test_an_image_without_annotation_is_rejected_not_taken_as_empty(data_set, judge):
    _, findings, _ = judge(data_set({"a": None}))
    assert [(f.reason, f.action) for f in findings] == [
        ("annotation_missing", "reject_image")
    ]


def test_an_annotation_without_image_is_rejected_and_its_objects_are_counted(
    data_set, judge, voc_xml
):
    tally, findings, _ = judge(data_set({"a": voc_xml()}, {"a": None}))
    assert [finding.reason for finding in findings] == ["image_missing"]
    assert (tally.totals["objects_in"], tally.totals["objects_dropped"]) == (1, 1)


def test_a_listed_id_that_is_nowhere_is_rejected(data_set, judge, voc_xml):
    home = data_set({"a": voc_xml()}, sets={"train": "a\nghost\n"})
    tally, findings, _ = judge(home)
    assert [(f.image_id, f.reason) for f in findings] == [("ghost", "listed_absent")]
    assert tally.totals["images_in"] == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"  \n",
        b"not xml",
        b"<annotation>",
        b"<a></b>",
        b"\x00\x01\x02",
        b"\xff\xfe<",
    ],
)
def test_what_is_no_xml_is_rejected(reasons_of_xml, raw):
    assert reasons_of_xml(raw) == {"xml_malformed": "reject_image"}


@pytest.mark.parametrize("raw", [BOMB, EXTERNAL, BOMB.decode().encode("utf-16")])
def test_entity_declarations_are_refused_in_any_encoding(reasons_of_xml, raw):
    assert reasons_of_xml(raw) == {"xml_forbidden": "reject_image"}


def test_a_document_type_without_entities_is_harmless(reasons_of_xml, voc_xml):
    raw = b'<?xml version="1.0"?><!DOCTYPE annotation>' + voc_xml()
    assert reasons_of_xml(raw) == {}


@pytest.mark.parametrize("raw", [b"<html><body/></html>", b"<kml/>"])
def test_xml_of_another_kind_is_rejected(reasons_of_xml, raw):
    assert reasons_of_xml(raw)["not_voc"] == "reject_image"


@pytest.mark.parametrize(
    "name",
    [
        *("/home/u/images/a.jpg", "../a.jpg", "x/../../a.jpg", "C:\\images\\a.jpg"),
        *("C:a.jpg", "..\\a.jpg", "~/a.jpg", "JPEGImages/a.jpg", "\\\\host\\x\\a.jpg"),
    ],
)
def test_of_a_path_in_filename_the_last_part_is_used(reasons_of_xml, voc_xml, name):
    assert reasons_of_xml(voc_xml(filename=name)) == {"filename_path": "keep"}


@pytest.mark.parametrize("name", [None, "", "a", "a.png", "b.jpg"])
def test_a_filename_that_disagrees_is_repaired_from_the_stem(
    data_set, judge, voc_xml, name
):
    _, findings, examples = judge(data_set({"a": voc_xml(filename=name)}))
    assert [(f.reason, f.action) for f in findings] == [
        ("filename_disagrees", "repair")
    ]
    assert examples["a"].filename == "a.jpg"


def test_an_image_without_annotation_is_a_negative_where_told_so(
    data_set, judge, voc_xml
):
    home = data_set({"a": voc_xml(), "b": None})
    tally, findings, examples = judge(home, unannotated="negative")
    assert [(f.image_id, f.reason, f.action) for f in findings] == [
        ("b", "unannotated_negative", "keep"),
        ("b", "no_objects", "keep"),
    ]
    assert examples["b"].boxes.shape == (0, 4)
    assert tally.totals["images_written"] == 2


def test_an_image_without_annotation_is_no_data_where_told_so(
    data_set, plan_of, voc_xml
):
    home = data_set({"a": voc_xml(), "b": None}, sets={"train": "a\nb\n"})
    plan = plan_of(home, unannotated="ignore")
    assert [item.image_id for item in plan.items] == ["a"]
    assert [(f.image_id, f.reason) for f in plan.findings] == [
        ("b", "unannotated_ignored")
    ]


def test_no_objects_is_a_valid_negative_image(data_set, judge, voc_xml):
    tally, findings, examples = judge(data_set({"a": voc_xml(objects=[])}))
    assert [(f.reason, f.action) for f in findings] == [("no_objects", "keep")]
    assert examples["a"].boxes.shape == (0, 4)
    assert tally.totals["images_written"] == 1


def test_absent_tags_get_defaults_and_are_recorded_once(
    data_set, judge, voc_xml, voc_object
):
    bare = voc_object(pose=None, truncated=None, difficult=None)
    other = voc_object(box=(1, 1, 30, 30))
    xml = voc_xml(depth=None, objects=[bare, other])
    _, findings, examples = judge(data_set({"a": xml}))
    assert {f.reason: f.detail for f in findings} == {
        "depth_absent": "no <depth>",
        "difficult_absent": "1 of 2 objects",
        "truncated_absent": "1 of 2 objects",
        "pose_absent": "1 of 2 objects",
    }
    assert examples["a"].poses == ("Unspecified", "Left")
    assert examples["a"].difficult.tolist() == [False, False]


def test_an_implausible_number_of_objects_is_recorded(
    reasons_of_xml, voc_xml, voc_object
):
    crowd = [voc_object(box=(1, 1, 10 + i, 20)) for i in range(4)]
    assert reasons_of_xml(voc_xml(objects=crowd), max_objects=3) == {
        "object_count": "keep"
    }


def test_a_symlink_out_of_the_data_set_is_refused_unless_allowed(
    data_set, judge, voc_xml, image_bytes, tmp_path
):
    home = data_set({"a": voc_xml()}, {"a": None})
    (tmp_path / "elsewhere.jpg").write_bytes(image_bytes())
    (home / "JPEGImages/a.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    _, findings, _ = judge(home)
    assert [finding.reason for finding in findings] == ["path_unsafe"]
    _, findings, examples = judge(home, follow_symlinks=True)
    assert findings == []
    assert list(examples) == ["a"]


def test_a_symlink_within_the_data_set_is_fine(data_set, judge, voc_xml):
    home = data_set({"a": voc_xml(), "b": voc_xml("b.jpg")}, {"b": None})
    (home / "JPEGImages/b.jpg").symlink_to(home / "JPEGImages/a.jpg")
    _, findings, examples = judge(home)
    assert findings == []
    assert sorted(examples) == ["a", "b"]
