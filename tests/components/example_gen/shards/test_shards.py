"""How many images a shard gets: by their number and by the bytes of their files."""

import pytest

from components.example_gen.config import IngestConfig
from components.example_gen.shards.shard import make_shards
from components.example_gen.source.item import Item
from components.example_gen.source.storage import Entry


def item(image_id, size, split="train"):
    image = None if size is None else Entry(f"{image_id}.jpg", size, "/data/")
    annotation = Entry(f"{image_id}.xml", 10**9, "/data/")  # counts for nothing
    return Item(image_id, split, annotation, image, "", listed=True)


def ids(items, **limits):
    config = IngestConfig(**limits)
    return [
        "".join(item.image_id for item in chunk)
        for _, chunk in make_shards(items, config)
    ]


# By their ids' SHA-1, 3c..., 4a..., 58..., 84..., 86... and e9...: d, f, e, c, a, b.
SIZES = {"a": 10, "b": 90, "c": 200, "d": 40, "e": 40, "f": 40}
ITEMS = [item(image_id, size) for image_id, size in SIZES.items()]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        # 40 + 40 + 40 is above 100, 40 + 200 too, 200 alone, 10 + 90 is not
        ({"max_shard_bytes": 100}, ["df", "e", "c", "ab"]),
        ({"max_shard_bytes": 99}, ["df", "e", "c", "a", "b"]),
        ({"max_shard_bytes": 1}, ["d", "f", "e", "c", "a", "b"]),
        ({"max_shard_bytes": 420}, ["dfecab"]),
        ({"max_shard_bytes": 419}, ["dfeca", "b"]),
        ({"max_shard_bytes": 320, "images_per_shard": 3}, ["dfe", "cab"]),
        ({"max_shard_bytes": 299, "images_per_shard": 3}, ["dfe", "ca", "b"]),
        ({}, ["dfecab"]),
    ],
)
def test_a_shard_ends_where_either_limit_does(limits, expected):
    assert ids(ITEMS, **limits) == expected
    assert ids(ITEMS[::-1], **limits) == expected


def test_an_image_that_is_not_there_takes_no_bytes():
    items = [item("d", None), item("f", 100), item("e", None), item("c", 1)]
    assert ids(items, max_shard_bytes=100) == ["dfe", "c"]


def test_splits_share_no_shard():
    items = [item("d", 1, "eval"), item("f", 1), item("e", 1, "eval"), item("c", 1)]
    assert ids(items) == ["de", "fc"]


def test_nothing_makes_no_shard():
    assert make_shards([], IngestConfig()) == []


def test_images_of_vocs_size_go_by_their_number():
    sizes = [
        len(chunk)
        for _, chunk in make_shards(
            [item(f"{number}", 83_000) for number in range(600)], IngestConfig()
        )
    ]
    assert sizes == [256, 256, 88]


def test_images_of_8_mb_go_by_their_bytes():
    sizes = [
        len(chunk)
        for _, chunk in make_shards(
            [item(f"{number}", 8_000_000) for number in range(40)], IngestConfig()
        )
    ]
    assert sizes == [16, 16, 8]  # 17 of them are above 128 MiB
