"""The user's split is used, or it is said that it is not."""

import pytest

from schemas.user_error import UserError


@pytest.fixture
def folders(tmp_path, voc_xml, image_bytes):
    """Writes a pair into each of some folders: folder -> stem."""

    def write(pairs):
        for folder, stem in pairs.items():
            for kind, suffix, raw in (
                ("annotations", "xml", voc_xml(f"{stem}.jpg")),
                ("images", "jpg", image_bytes()),
            ):
                path = tmp_path / folder / kind / f"{stem}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(raw)
        return tmp_path

    return write


def splits_of(plan):
    return {item.image_id: item.split for item in plan.items}


def warned(plan):
    return [(f.image_id, f.detail) for f in plan.findings if f.reason == "split_unused"]


def test_folders_that_hold_the_word_are_splits(folders, plan_of):
    plan = plan_of(folders({"train_data": "a", "01_valid": "b", "Test Set": "c"}))
    assert splits_of(plan) == {"a": "train", "b": "eval", "c": "test"}
    assert plan.split_source == "folder names (01_valid, Test Set, train_data)"
    assert warned(plan) == []


def test_one_folder_that_holds_the_word_is_a_warning_and_no_split(folders, plan_of):
    plan = plan_of(folders({"crash test": "a", "other": "b"}))
    assert splits_of(plan) == {"a": "", "b": ""}
    assert warned(plan) == [("crash test/", "no other folder names another split")]
    assert plan.split_source == ""


def test_a_list_comes_before_a_folder_and_says_so(folders, plan_of):
    home = folders({"train": "a"})
    sets = home / "train/ImageSets/Main"
    sets.mkdir(parents=True)
    (sets / "val.txt").write_text("a\n")
    plan = plan_of(home)
    assert splits_of(plan) == {"a": "eval"}
    assert plan.split_source == "train/ImageSets/Main (val.txt)"
    assert warned(plan) == [("train/", "a is listed as eval")]


def test_a_folder_of_test_pictures_without_annotations_is_told_of(
    folders, plan_of, image_bytes
):
    home = folders({"train": "a"})
    (home / "test").mkdir()
    (home / "test/t.jpg").write_bytes(image_bytes())
    plan = plan_of(home)
    assert splits_of(plan) == {"a": "train"}
    assert warned(plan) == [("test/", "no annotation is about a picture there")]


@pytest.mark.parametrize("stem", ["train2017", "01_train", "my train set"])
def test_lists_that_hold_the_word_are_splits(data_set, plan_of, voc_xml, stem):
    home = data_set(dict.fromkeys("ab", voc_xml()), sets={stem: "a\n", "val": "b"})
    assert splits_of(plan_of(home)) == {"a": "train", "b": "eval"}


def test_a_list_whose_name_is_the_word_decides_over_those_that_hold_it(
    data_set, plan_of, voc_xml
):
    home = data_set(
        dict.fromkeys("abc", voc_xml()),
        sets={"train": "a", "val": "b", "train_old": "b\nc", "train_small": "a"},
    )
    plan = plan_of(home)
    assert splits_of(plan) == {"a": "train", "b": "eval"}
    name = "ImageSets/Main/train_old.txt"
    assert warned(plan) == [(name, "train.txt decides")]


def test_lists_of_classes_for_a_split_that_no_other_list_has_are_a_warning(
    data_set, plan_of, voc_xml
):
    home = data_set(
        dict.fromkeys("ab", voc_xml()), sets={"train": "a", "cat_val": "b 1\n"}
    )
    plan = plan_of(home)
    assert splits_of(plan) == {"a": "train"}
    assert warned(plan) == [("ImageSets/Main/cat_val.txt", "train.txt decides")]


def test_lists_elsewhere_that_say_other_are_a_warning(data_set, plan_of, voc_xml):
    home = data_set(dict.fromkeys("ab", voc_xml()))
    (home / "train.txt").write_text("a\nb\n")
    (home / "test_notes.txt").write_text("nothing to see here\n")
    plan = plan_of(home)
    assert splits_of(plan) == {"a": "", "b": ""}
    assert warned(plan) == [("train.txt", "lists are read from ImageSets/Main")]
    (home / "ImageSets/Main/2007").mkdir()
    (home / "train.txt").rename(home / "ImageSets/Main/2007/train.txt")
    below = "ImageSets/Main/2007/train.txt"
    assert warned(plan_of(home)) == [(below, "lists are read from ImageSets/Main")]
    (home / "ImageSets/Main/train.txt").write_text("a\nb\n")
    assert warned(plan_of(home)) == []


def test_lists_of_another_task_are_told_of_where_there_are_no_others(
    data_set, plan_of, voc_xml
):
    home = data_set(dict.fromkeys("ab", voc_xml()))
    (home / "ImageSets/Segmentation").mkdir()
    (home / "ImageSets/Segmentation/val.txt").write_text("b\n")
    told = ("ImageSets/Segmentation/val.txt", "lists are read from ImageSets/Main")
    assert warned(plan_of(home)) == [told]
    (home / "ImageSets/Main/train.txt").write_text("a\nb\n")
    assert warned(plan_of(home)) == []


def test_lists_that_name_nothing_say_what_they_name_and_what_is_there(
    data_set, plan_of, voc_xml
):
    home = data_set(
        dict.fromkeys("abcd", voc_xml()), sets={"train": "0001\n0002\n", "val": "x"}
    )
    with pytest.raises(UserError) as caught:
        plan_of(home)
    assert str(caught.value) == (
        "the image sets name no image that is there: ImageSets/Main/train.txt lists "
        "'0001', '0002'; there are 'a', 'b', 'c' and 1 more; a line is a file's name "
        "without its suffix"
    )


def test_a_stem_that_two_files_have_is_not_guessed_at(folders, plan_of, voc_xml):
    home = folders({"x": "1"})
    for folder in ("p", "q"):
        for kind, suffix in (("annotations", "xml"), ("images", "jpg")):
            path = home / "x" / kind / folder / f"2.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((home / f"x/{kind}/1.{suffix}").read_bytes())
    (home / "x/ImageSets").mkdir()
    (home / "x/ImageSets/train.txt").write_text("1\np/2\n2\n")
    plan = plan_of(home)
    found = {item.image_id: item.annotation_name for item in plan.items}
    assert found == {
        "1": "x/annotations/1.xml",
        "p/2": "x/annotations/p/2.xml",
        "2": "",
    }


def test_a_list_may_name_the_image_where_the_annotation_is_called_otherwise(
    data_set, plan_of, voc_xml
):
    home = data_set({"a": voc_xml(), "0001": voc_xml("IMG_7.jpg")}, {"0001": None})
    (home / "JPEGImages/a.jpg").rename(home / "JPEGImages/IMG_7.jpg")
    (home / "Annotations/a.xml").unlink()
    (home / "ImageSets/Main/val.txt").write_text("JPEGImages/IMG_7.jpg\n")
    assert splits_of(plan_of(home)) == {"0001": "eval"}
