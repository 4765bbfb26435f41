import pytest

from pipeline.sample_data.splits import draw_splits


def test_the_splits_are_disjoint_complete_and_in_order():
    image_ids = [f"{index:06d}" for index in range(100)]
    splits = draw_splits(image_ids, seed=5)
    assert {name: len(ids) for name, ids in splits.items()} == {
        "train": 70,
        "val": 20,
        "trainval": 90,
        "test": 10,
    }
    assert sorted(splits["train"] + splits["val"] + splits["test"]) == image_ids
    assert sorted(splits["train"] + splits["val"]) == splits["trainval"]
    assert all(ids == sorted(ids) for ids in splits.values())


@pytest.mark.parametrize(
    ("images", "sizes"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (4, (2, 1, 1))],
)
def test_the_smallest_sets_fill_as_many_splits_as_they_can(images, sizes):
    splits = draw_splits([str(index) for index in range(images)], seed=0)
    assert tuple(len(splits[name]) for name in ("train", "val", "test")) == sizes


def test_another_seed_splits_otherwise():
    image_ids = [str(index) for index in range(50)]
    assert draw_splits(image_ids, 0)["val"] != draw_splits(image_ids, 1)["val"]
