import dataclasses

import pytest

from components.example_gen.config import IngestConfig
from components.example_gen.plan.trainable_splits import assign_splits

VOCS = IngestConfig(corners="one_based")


def test_without_ensure_splits_the_sets_stand_as_they_are(data_set, plan_of, voc_xml):
    plan = plan_of(data_set({"a": voc_xml()}, sets={"test": "a"}))
    assignment = assign_splits(plan, IngestConfig(ensure_splits=False))
    assert [item.split for item in assignment.items] == ["test"]


def test_a_missing_eval_split_is_carved_out_of_train(data_set, plan_of, voc_xml):
    names = [f"n{i}" for i in range(8)]
    home = data_set(
        dict.fromkeys([*names, "t"], voc_xml()),
        sets={"train": "\n".join(names), "test": "t"},
    )
    assignment = assign_splits(plan_of(home), VOCS)
    assert assignment.carved_from == "train"
    assert [item.split for item in assignment.items].count("") == 8
    assert dict(assignment.fractions) == {"train": 0.8, "eval": 0.2}
    assert assignment.source == (
        "from ImageSets/Main (test.txt, train.txt); eval carved out of train by "
        "content (train 80%, eval 20%); test untouched"
    )


def test_of_folders_named_train_and_test_eval_is_carved_out_of_train(
    plan_of, tmp_path, voc_xml, image_bytes
):
    for folder, name in (("train", "a"), ("train", "b"), ("test", "c")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.xml").write_bytes(voc_xml(f"{name}.jpg"))
        (tmp_path / folder / f"{name}.jpg").write_bytes(image_bytes())
    config = dataclasses.replace(
        VOCS, train_fraction=0.6, eval_fraction=0.2, test_fraction=0.2
    )
    assignment = assign_splits(plan_of(tmp_path), config)
    splits = {item.image_id: item.split for item in assignment.items}
    assert splits == {"a": "", "b": "", "c": "test"}
    # 0.6 : 0.2, as test is there already
    assert dict(assignment.fractions) == pytest.approx({"train": 0.75, "eval": 0.25})
    assert assignment.source == (
        "from folder names (test, train); eval carved out of train by content "
        "(train 75%, eval 25%); test untouched"
    )


def test_test_images_alone_are_shared_out_for_training(data_set, plan_of, voc_xml):
    plan = plan_of(data_set({"a": voc_xml(), "b": voc_xml()}, sets={"test": "a\nb"}))
    assignment = assign_splits(plan, VOCS)
    assert assignment.carved_from == "test"
    assert len(assignment.forced) <= 1


def test_train_and_eval_are_left_alone(data_set, plan_of, voc_xml):
    home = data_set({"a": voc_xml(), "b": voc_xml()}, sets={"train": "a", "val": "b"})
    assignment = assign_splits(plan_of(home), VOCS)
    assert assignment.carved_from == ""
    assert [item.split for item in assignment.items] == ["eval", "train"]


def test_content_splits_name_the_list_that_decides_what_is_in(
    data_set, plan_of, voc_xml
):
    home = data_set(dict.fromkeys("abc", voc_xml()), sets={"dog_trainval": "a 1\nb -1"})
    assert assign_splits(plan_of(home), IngestConfig(corners="one_based")).source == (
        "by content (train 80%, eval 20%) of the images in "
        "ImageSets/Main (dog_trainval.txt)"
    )


def test_an_image_set_asked_for_is_named_as_it_is_called(data_set, plan_of, voc_xml):
    home = data_set(dict.fromkeys("abc", voc_xml()), sets={"val": "a\nb", "train": "c"})
    assert assign_splits(
        plan_of(home, image_set="val"), IngestConfig(corners="one_based")
    ).source == (
        "by content (train 80%, eval 20%) of the images in ImageSets/Main (val.txt)"
    )
