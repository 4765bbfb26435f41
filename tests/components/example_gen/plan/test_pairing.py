"""Which image an annotation means, and which folder holds the images."""

import unicodedata

import pytest


@pytest.fixture
def write(tmp_path):
    """Writes files below the data set: relative path -> bytes."""

    def go(files):
        for name, raw in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        return tmp_path / "data"

    return go


def images_of(plan):
    return {item.image_id: item.image_name for item in plan.items}


def noticed(plan):
    return {(finding.reason, finding.image_id) for finding in plan.findings}


def test_of_two_images_of_one_name_it_is_the_one_that_filename_names(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "1.xml": voc_xml("C:\\data\\1.png"),
            "1.jpg": image_bytes(),
            "1.png": image_bytes(fmt="PNG"),
        }
    )
    plan = plan_of(home)
    assert images_of(plan) == {"1": "1.png"}
    assert [(f.reason, f.detail) for f in plan.findings] == [
        ("image_chosen", "1.png used, not 1.jpg: as <filename> says")
    ]


def test_else_the_one_whose_size_fits(write, plan_of, voc_xml, image_bytes):
    home = write(
        {
            "1.xml": voc_xml("other.jpg", size=(64, 48)),
            "1.jpg": image_bytes((120, 120)),
            "1.png": image_bytes((64, 48), fmt="PNG"),
        }
    )
    assert images_of(plan_of(home)) == {"1": "1.png"}


def test_else_nobody_knows_and_the_pair_is_rejected(
    write, judge, voc_xml, voc_object, image_bytes
):
    home = write(
        {
            "1.xml": voc_xml(None, objects=[voc_object(), voc_object(name="cat")]),
            "1.jpg": image_bytes(),
            "1.png": image_bytes(fmt="PNG"),
            "2.xml": voc_xml("2.jpg"),
            "2.jpg": image_bytes(color=(1, 2, 3)),
        }
    )
    tally, findings, examples = judge(home)
    assert list(examples) == ["2"]
    (found,) = [f for f in findings if f.action == "reject_image"]
    assert found.reason == "image_ambiguous"
    assert "1.jpg, 1.png" in found.detail
    assert (tally.totals["objects_in"], tally.totals["objects_dropped"]) == (3, 2)


def test_copies_of_one_image_under_two_suffixes_are_one(
    write, plan_of, voc_xml, image_bytes
):
    raw = image_bytes()
    home = write({"1.xml": voc_xml(None), "1.jpg": raw, "1.jpeg": raw})
    plan = plan_of(home)
    assert images_of(plan) == {"1": "1.jpg"}
    assert noticed(plan) == {("image_chosen", "1")}


def test_left_and_right_pictures_of_one_name_are_told_apart_by_filename(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "Annotations/1.xml": voc_xml("right/1.jpg"),
            "left/1.jpg": image_bytes(),
            "right/1.jpg": image_bytes(color=(9, 9, 9)),
        }
    )
    assert images_of(plan_of(home)) == {"1": "right/1.jpg"}


@pytest.mark.parametrize("where", ["pics", "data/pics"])
def test_images_are_in_the_folder_whose_names_match(
    write, plan_of, voc_xml, image_bytes, where
):
    home = write(
        {
            "Annotations/1.xml": voc_xml("1.jpg"),
            f"{where}/1.jpg": image_bytes(),
            "images/logo.png": image_bytes(fmt="PNG"),
            "masks/1.png": image_bytes(fmt="PNG"),
        }
    )
    plan = plan_of(home)
    assert images_of(plan) == {"1": f"{where}/1.jpg"}
    assert noticed(plan) == {
        ("images_outside", "images/"),
        ("images_outside", "masks/"),
    }


def test_images_in_two_folders_and_negatives_among_them_are_all_members(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "Annotations/1.xml": voc_xml("1.jpg"),
            "Annotations/2.xml": voc_xml("2.jpg"),
            "monday/1.jpg": image_bytes(),
            "monday/empty.jpg": image_bytes(),
            "tuesday/2.jpg": image_bytes(),
        }
    )
    assert images_of(plan_of(home)) == {
        "1": "monday/1.jpg",
        "2": "tuesday/2.jpg",
        "empty": "monday/empty.jpg",
    }


def test_listed_negatives_in_a_folder_of_their_own_are_members(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "Annotations/1.xml": voc_xml("1.jpg"),
            "JPEGImages/1.jpg": image_bytes(),
            "negatives/n.jpg": image_bytes(),
            "ImageSets/Main/train.txt": b"1\nn\n",
        }
    )
    assert images_of(plan_of(home)) == {"1": "JPEGImages/1.jpg", "n": "negatives/n.jpg"}


def test_pictures_beside_the_only_data_set_are_its_images(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {"labels/Annotations/1.xml": voc_xml("1.jpg"), "photos/1.jpg": image_bytes()}
    )
    assert images_of(plan_of(home)) == {"1": "photos/1.jpg"}


def test_names_that_differ_by_case_or_unicode_form_are_paired_and_recorded(
    write, plan_of, voc_xml, image_bytes
):
    composed = "Caf\u00e9"
    home = write(
        {
            "Annotations/a0.xml": voc_xml(None),
            "JPEGImages/A0.JPG": image_bytes(),
            f"Annotations/{composed}.xml": voc_xml(None),
            f"JPEGImages/{unicodedata.normalize('NFD', composed)}.jpg": image_bytes(),
        }
    )
    plan = plan_of(home)
    assert len(plan.items) == 2
    assert noticed(plan) == {("name_differs", "a0"), ("name_differs", composed)}


def test_names_alike_but_for_case_are_not_guessed_at(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "Annotations/Aa.xml": voc_xml(None),
            "JPEGImages/AA.jpg": image_bytes(),
            "JPEGImages/aa.jpg": image_bytes(color=(3, 3, 3)),
        }
    )
    assert images_of(plan_of(home))["Aa"] == ""


def test_what_lies_outside_is_never_without_a_line(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "Annotations/1.xml": voc_xml("1.jpg"),
            "Annotations/1.XML": voc_xml("1.jpg", objects=[]),
            "xmls/1.xml": voc_xml("1.jpg"),
            "JPEGImages/1.jpg": image_bytes(),
            "batch2/3.xml": voc_xml("3.jpg"),
            "batch2/3.jpg": image_bytes(),
        }
    )
    plan = plan_of(home)
    assert images_of(plan) == {"1": "JPEGImages/1.jpg"}
    assert {(f.reason, f.image_id): f.detail for f in plan.findings} == {
        ("annotation_spare", "1"): (
            "Annotations/1.XML used, not Annotations/1.xml, xmls/1.xml: "
            "their contents differ"
        ),
        ("annotations_outside", "batch2/"): (
            "1 (3.xml): put it with the other annotations, if it is one"
        ),
        (
            "images_outside",
            "batch2/",
        ): "1 (3.jpg): no annotation is about a picture there",
    }


def test_an_annotation_named_after_the_whole_file_is_of_that_file(
    write, plan_of, voc_xml, image_bytes
):
    home = write({"x/a.jpg.xml": voc_xml("other.png"), "x/a.jpg": image_bytes()})
    plan = plan_of(home)
    assert images_of(plan) == {"a.jpg": "x/a.jpg"}
    assert noticed(plan) == {("name_differs", "a.jpg")}


def test_of_two_annotations_of_one_image_the_second_says_who_has_it(
    write, judge, voc_xml, image_bytes
):
    home = write(
        {
            "new/a.xml": voc_xml("a.jpg"),
            "old/a.xml": voc_xml("a.jpg", objects=[]),
            "pictures/a.jpg": image_bytes(),
        }
    )
    _, findings, examples = judge(home)
    assert list(examples) == ["new/a"]
    (found,) = [f for f in findings if f.action == "reject_image"]
    assert (found.reason, found.image_id) == ("image_ambiguous", "old/a")
    assert found.detail == "pictures/a.jpg belongs to new/a.xml"


def test_a_folder_of_negatives_belongs_to_the_images(
    write, plan_of, voc_xml, image_bytes
):
    home = write(
        {
            "Annotations/1.xml": voc_xml("1.jpg"),
            "JPEGImages/1.jpg": image_bytes(),
            "negatives/n.jpg": image_bytes(),
        }
    )
    assert images_of(plan_of(home)) == {"1": "JPEGImages/1.jpg", "n": "negatives/n.jpg"}


def test_annotations_in_folders_have_the_images_in_folders_of_that_name(
    write, plan_of, voc_xml, image_bytes
):
    files = {}
    for number, camera in enumerate(("cam1", "cam2")):
        files[f"Annotations/{camera}/0.xml"] = voc_xml("0.jpg")
        files[f"{camera}/0.jpg"] = image_bytes(color=(number, 5, 5))
    plan = plan_of(write(files))
    assert images_of(plan) == {"cam1/0": "cam1/0.jpg", "cam2/0": "cam2/0.jpg"}
    assert plan.findings == ()
