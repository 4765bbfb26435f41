"""Layouts, image sets and ids: what will be read, in which split."""

import shutil
import tarfile

import pytest


def splits_of(plan):
    return sorted((item.image_id, item.split) for item in plan.items)


@pytest.fixture
def pair(voc_xml, image_bytes):
    """Writes an annotation and its image to two paths."""

    def write(annotation, image, filename=None):
        for path in (annotation, image):
            path.parent.mkdir(parents=True, exist_ok=True)
        annotation.write_bytes(voc_xml(filename=filename or image.name))
        image.write_bytes(image_bytes())

    return write


def test_sets_give_the_splits_and_val_is_called_eval(data_set, plan_of, voc_xml):
    home = data_set(
        {name: voc_xml() for name in "abcd"},
        sets={"train": "a\nb\n", "val": "c\n", "trainval": "a\nb\nc\n", "test": "d\n"},
    )
    plan = plan_of(home)
    assert splits_of(plan) == [
        ("a", "train"),
        ("b", "train"),
        ("c", "eval"),
        ("d", "test"),
    ]
    assert plan.findings == ()


def test_a_trailing_slash_and_a_relative_path_change_nothing(
    data_set, plan_of, voc_xml, monkeypatch
):
    home = data_set({"a": voc_xml()}, sets={"train": "a"})
    monkeypatch.chdir(home.parent)
    assert plan_of("VOC/").items == plan_of(home).items


@pytest.mark.parametrize(
    "text",
    [
        b"a\r\nb\r\n",
        b"\xef\xbb\xbfa\nb",
        b"  a  \n\n\tb\t\n\n",
        b"a  1\nb -1\n",
        b"a.jpg\nb.jpg\n",
        b"JPEGImages/a.jpg\nVOC/JPEGImages/b.jpg\n",
        b"a\rb\r",
        "a.jpg\r\nb.jpg\r\n".encode("utf-16"),
    ],
)
def test_a_set_is_read_however_it_was_written(data_set, plan_of, voc_xml, text):
    home = data_set({"a": voc_xml(), "b": voc_xml()}, sets={"train": text})
    assert splits_of(plan_of(home)) == [("a", "train"), ("b", "train")]


def test_class_sets_are_no_splits(data_set, plan_of, voc_xml):
    home = data_set(
        {"a": voc_xml(), "b": voc_xml()},
        sets={
            "train": "a\n",
            "val": "b\n",
            "dog_train": "a  1\n",
            "dog_val": "b -1\n",
            "dog_trainval": "a  1\nb -1\n",
        },
    )
    assert splits_of(plan_of(home)) == [("a", "train"), ("b", "eval")]


def test_the_lists_of_single_classes_alone_are_united(data_set, plan_of, voc_xml):
    home = data_set(
        dict.fromkeys("abcde", voc_xml()),
        sets={
            "cat_train": "a  1\nb -1\n",
            "dog_train": "b\t1\nc\t0\n",
            "cat_val": "d 1\n",
            "cat_trainval": "a 1\nb -1\nd 1\ne 1\n",
        },
    )
    plan = plan_of(home)
    # e is in trainval alone: with both train and val there, content decides
    expected = {"a": "train", "b": "train", "c": "train", "d": "eval", "e": ""}
    assert splits_of(plan) == sorted(expected.items())
    assert plan.split_source == (
        "ImageSets/Main (cat_train.txt, cat_trainval.txt, cat_val.txt, dog_train.txt)"
    )


def test_trainval_alone_is_split_by_content(data_set, plan_of, voc_xml):
    home = data_set(
        {"a": voc_xml(), "b": voc_xml()}, sets={"trainval": "a\n", "test": "b\n"}
    )
    plan = plan_of(home)
    assert splits_of(plan) == [("a", ""), ("b", "test")]
    assert plan.has_splits
    assert plan.split_source == "ImageSets/Main (test.txt, trainval.txt)"


def test_what_trainval_has_beyond_train_is_eval(data_set, plan_of, voc_xml):
    home = data_set(
        {"a": voc_xml(), "b": voc_xml()}, sets={"train": "a\n", "trainval": "a\nb\n"}
    )
    assert splits_of(plan_of(home)) == [("a", "train"), ("b", "eval")]


def test_an_empty_set_is_recorded_and_sets_that_list_nothing_are_none(
    data_set, plan_of, voc_xml
):
    plan = plan_of(data_set({"a": voc_xml()}, sets={"train": "\r\n \n"}))
    assert splits_of(plan) == [("a", "")]
    assert [(f.image_id, f.reason) for f in plan.findings] == [
        ("train.txt", "set_empty")
    ]


def test_unlisted_and_listed_twice_are_recorded(data_set, plan_of, voc_xml):
    home = data_set(
        {"a": voc_xml(), "extra": voc_xml()}, sets={"train": "a\na\n", "val": ""}
    )
    plan = plan_of(home)
    assert splits_of(plan) == [("a", "train")]
    assert {(f.image_id, f.reason) for f in plan.findings} == {
        ("extra", "unlisted"),
        ("a", "listed_twice"),
        ("val.txt", "set_empty"),
    }


def unlisted(plan):
    return [f.image_id for f in plan.findings if f.reason == "unlisted"]


def test_an_image_whose_name_in_another_folder_is_listed_is_unlisted(
    tmp_path, plan_of, pair
):
    for key in ("0", "1", "2", "extra/0", "extra/1", "extra/2"):
        pair(tmp_path / f"Annotations/{key}.xml", tmp_path / f"JPEGImages/{key}.jpg")
    lists = tmp_path / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n")
    (lists / "val.txt").write_text("extra/2\n")
    plan = plan_of(tmp_path)
    assert splits_of(plan) == [("0", "train"), ("1", "train"), ("extra/2", "eval")]
    assert unlisted(plan) == ["2", "extra/0", "extra/1"]


def test_what_a_list_names_by_its_pictures_name_is_not_unlisted(
    tmp_path, plan_of, pair
):
    for i in range(4):
        pair(tmp_path / f"Annotations/a{i}.xml", tmp_path / f"JPEGImages/A{i}.JPG")
    lists = tmp_path / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("A0\nA1\n")
    (lists / "val.txt").write_text("A2.JPG\n")
    plan = plan_of(tmp_path)
    assert splits_of(plan) == [("a0", "train"), ("a1", "train"), ("a2", "eval")]
    assert unlisted(plan) == ["a3"]


def test_a_name_of_another_unicode_form_is_not_unlisted(data_set, plan_of, pair):
    composed, decomposed = "K\u00f6ter", "Ko\u0308ter"
    home = data_set({}, sets={"train": decomposed})
    pair(home / f"Annotations/{composed}.xml", home / f"JPEGImages/{decomposed}.jpg")
    plan = plan_of(home)
    assert splits_of(plan) == [(composed, "train")]
    assert unlisted(plan) == []


def test_an_image_in_two_splits_is_an_item_in_each(data_set, plan_of, voc_xml):
    home = data_set({"a": voc_xml()}, sets={"train": "a", "test": "a"})
    assert splits_of(plan_of(home)) == [("a", "test"), ("a", "train")]


@pytest.mark.parametrize(
    "image_id", ["a.b.c", "ä ö", "1", "-1", "a 1", "UPPER.Case", "a#b%20c", "x" * 180]
)
def test_ids_survive_unchanged(data_set, plan_of, judge, voc_xml, image_id):
    home = data_set({image_id: voc_xml(f"{image_id}.jpg")}, sets={"train": image_id})
    assert splits_of(plan_of(home)) == [(image_id, "train")]
    _, findings, examples = judge(home)
    assert (findings, list(examples)) == ([], [image_id])


def test_upper_case_suffixes_are_found(plan_of, judge, pair, tmp_path):
    pair(tmp_path / "Annotations/a.XML", tmp_path / "JPEGImages/a.JPG")
    _, findings, examples = judge(tmp_path)
    assert (findings, list(examples)) == ([], ["a"])


def test_flat_folders_in_lower_case(plan_of, pair, tmp_path):
    pair(tmp_path / "annotations/a.xml", tmp_path / "images/a.png")
    plan = plan_of(tmp_path)
    assert splits_of(plan) == [("a", "")]
    assert plan.items[0].image_name == "images/a.png"


def test_xml_beside_images(plan_of, pair, tmp_path):
    pair(tmp_path / "a.xml", tmp_path / "a.jpg")
    pair(tmp_path / "day 2/b.xml", tmp_path / "day 2/b.jpg")
    assert splits_of(plan_of(tmp_path)) == [("a", ""), ("b", "")]


def test_folders_named_after_splits_are_the_splits(plan_of, pair, tmp_path):
    for folder, name in (("train", "a"), ("valid", "b"), ("test", "c")):
        pair(tmp_path / folder / f"{name}.xml", tmp_path / folder / f"{name}.jpg")
    assert splits_of(plan_of(tmp_path)) == [
        ("a", "train"),
        ("b", "eval"),
        ("c", "test"),
    ]


def test_images_in_a_folder_of_another_name_or_beside_the_annotations_folder(
    plan_of, pair, tmp_path
):
    pair(tmp_path / "one/Annotations/a.xml", tmp_path / "one/pictures/a.jpg")
    pair(tmp_path / "two/Annotations/b.xml", tmp_path / "two/b.jpg")
    plan = plan_of(tmp_path)
    assert [item.image_name for item in plan.items] == [
        "one/pictures/a.jpg",
        "two/b.jpg",
    ]


def test_a_devkit_of_two_years_keeps_ids_and_sets_apart(
    plan_of, data_set, tmp_path, voc_xml
):
    data_set({"a": voc_xml()}, sets={"train": "a"}, root=tmp_path / "kit/VOC2007")
    data_set({"b": voc_xml()}, sets={"val": "b"}, root=tmp_path / "kit/VOC2012")
    assert splits_of(plan_of(tmp_path / "kit")) == [("a", "train"), ("b", "eval")]
    assert splits_of(plan_of(tmp_path)) == [("a", "train"), ("b", "eval")]


def test_one_stem_in_two_years_is_two_images(plan_of, data_set, tmp_path, voc_xml):
    for year, split in (("VOC2007", "train"), ("VOC2012", "val")):
        data_set({"1": voc_xml("1.jpg")}, sets={split: "1"}, root=tmp_path / year)
    assert splits_of(plan_of(tmp_path)) == [
        ("VOC2007/1", "train"),
        ("VOC2012/1", "eval"),
    ]


def test_nested_annotation_folders_match_nested_or_flat_images(plan_of, pair, tmp_path):
    pair(tmp_path / "Annotations/x/a.xml", tmp_path / "JPEGImages/x/a.jpg")
    pair(tmp_path / "Annotations/y/b.xml", tmp_path / "JPEGImages/b.jpg")
    plan = plan_of(tmp_path)
    assert [(i.image_id, i.image_name) for i in plan.items] == [
        ("a", "JPEGImages/x/a.jpg"),
        ("b", "JPEGImages/b.jpg"),
    ]


def test_an_image_that_only_the_filename_tag_names_is_found(plan_of, pair, tmp_path):
    pair(tmp_path / "Annotations/0001.xml", tmp_path / "JPEGImages/IMG_7.jpg")
    (item,) = plan_of(tmp_path).items
    assert (item.image_id, item.image_name) == ("0001", "JPEGImages/IMG_7.jpg")


def test_hidden_files_and_mac_leftovers_are_no_data(plan_of, pair, tmp_path):
    pair(tmp_path / "Annotations/a.xml", tmp_path / "JPEGImages/a.jpg")
    pair(tmp_path / "Annotations/._a.xml", tmp_path / "JPEGImages/.hidden.jpg")
    pair(tmp_path / "__MACOSX/Annotations/b.xml", tmp_path / "__MACOSX/b.jpg")
    assert splits_of(plan_of(tmp_path)) == [("a", "")]


def test_segmentation_masks_are_told_of_and_other_sets_are_left_alone(
    data_set, plan_of, voc_xml, image_bytes
):
    home = data_set({"a": voc_xml()}, sets={"train": "a"})
    (home / "SegmentationClass").mkdir()
    (home / "SegmentationClass/a.png").write_bytes(image_bytes(fmt="PNG"))
    (home / "ImageSets/Segmentation").mkdir()
    (home / "ImageSets/Segmentation/train.txt").write_text("zzz\n")
    plan = plan_of(home)
    assert splits_of(plan) == [("a", "train")]
    assert [(f.image_id, f.reason) for f in plan.findings] == [
        ("SegmentationClass/", "images_outside")
    ]


def test_a_loop_of_symlinks_ends(data_set, plan_of, voc_xml):
    home = data_set({"a": voc_xml()}, sets={"train": "a"})
    (home / "Annotations/again").symlink_to(home)
    assert splits_of(plan_of(home)) == [("a", "train")]


def test_a_member_that_a_tar_holds_twice_is_told(
    data_set, plan_of, judge, voc_xml, tmp_path
):
    home = data_set({"a": voc_xml(), "b": voc_xml()})
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(home, "VOC")
    (home / "Annotations/a.xml").write_bytes(voc_xml(objects=[]))
    with tarfile.open(archive, "a") as tar:
        tar.add(home / "Annotations/a.xml", "VOC/Annotations/a.xml")
    told = [f for f in plan_of(archive).findings if f.reason == "member_replaced"]
    assert [(f.image_id, f.detail) for f in told] == [
        ("VOC/Annotations/a.xml", "2 times in the tar; the last of them is used")
    ]
    *_, examples = judge(archive)
    assert len(examples["a"].boxes) == 0


def test_a_tar_gives_the_same_plan_and_the_same_examples(
    data_set, plan_of, judge, voc_xml, tmp_path
):
    home = data_set({"a": voc_xml(), "b": b"broken"}, sets={"train": "a", "val": "b"})
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(home, "VOCdevkit/VOC2007")
    shutil.move(home, tmp_path / "VOC2007")
    assert splits_of(plan_of(archive)) == [("a", "train"), ("b", "eval")]
    _, unpacked_findings, unpacked = judge(tmp_path / "VOC2007")
    _, findings, examples = judge(archive)
    assert [f.reason for f in findings] == [f.reason for f in unpacked_findings]
    assert examples["a"].encoded_image == unpacked["a"].encoded_image
    assert examples["a"].source_path == "VOCdevkit/VOC2007/JPEGImages/a.jpg"
