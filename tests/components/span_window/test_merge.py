import itertools

import pytest

from components.example_gen.shards.tfrecord import read_records
from components.span_window.merge import joint_label_map, merge, spans_in
from schemas import example_wire, tf_example
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap


@pytest.fixture
def merged(tmp_path):
    """Merges spans -> (what it told, label map, {split: {image_id: example}})."""

    def run(*spans):
        folders = [tmp_path / "merged", tmp_path / "merged-annotations"]
        for folder in folders:
            folder.mkdir()
        told = merge(spans, *map(str, folders))
        for folder in folders:
            there = spans_in(str(folder))
            assert there
            assert there <= {str(one.span) for one in spans}
        found = [contents(folder) for folder in folders]
        label_map = LabelMap.from_file(folders[0] / LABEL_MAP_FILENAME)
        assert LabelMap.from_file(folders[1] / LABEL_MAP_FILENAME) == label_map
        for split, image_id in [(s, i) for s in found[0] for i in found[0][s]]:
            assert found[1][split][image_id].encoded_image == b""
        assert {s: list(found[0][s]) for s in found[0]} == {
            s: list(found[1][s]) for s in found[1]
        }
        return told, label_map, found[0]

    return run


def contents(folder):
    found = {}
    for path in sorted(folder.glob("Split-*/*")):
        split = found.setdefault(path.parent.name.removeprefix("Split-"), {})
        for serialized in read_records(str(path)):
            example = tf_example.decode_example(serialized)
            assert example.image_id not in split
            split[example.image_id] = example
    return found


def class_labels(folder):
    """image_id -> the class labels as they are stored, id + 1."""
    labels = {}
    for path in folder.glob("Split-*/*"):
        for serialized in read_records(str(path)):
            features = example_wire.decode(serialized)
            image_id = features[tf_example.IMAGE_ID][0].decode()
            labels[image_id] = features[tf_example.CLASS_LABEL].tolist()
    return labels


def test_images_of_one_name_in_two_spans_stay_two(span_of, merged):
    told, _, found = merged(
        span_of(7, {"train": [("a", "A", ["dog"])]}, ["dog"]),
        span_of(8, {"train": [("a", "B", ["dog"])], "eval": [("b", "C", [])]}, ["dog"]),
    )
    assert told.images == {"eval": 1, "train": 2}
    assert told.superseded == 0
    assert {i: e.encoded_image for i, e in found["train"].items()} == {
        "7/a": b"A",
        "8/a": b"B",
    }
    kept = found["train"]["7/a"]
    assert kept.boxes.tolist() == [[1, 2, 11, 7]]
    assert (kept.filename, kept.class_names) == ("a.png", ("dog",))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_an_image_in_several_spans_the_newest_counts(span_of, merged, order):
    """Corrected boxes win, and no image is learned from and judged on."""
    spans = [
        span_of(9, {"test": [("z", "A", ["cat"])], "train": [("n", "N", [])]}, ["cat"]),
        span_of(10, {"train": [("x", "A", ["dog"]), ("y", "B", ["dog"])]}, ["dog"]),
        span_of(8, {"train": [("w", "A", ["cat"]), ("v", "B", [])]}, ["cat"]),
    ]
    told, _, found = merged(*(spans[i] for i in order))

    assert {split: set(images) for split, images in found.items()} == {
        "train": {"10/x", "10/y", "9/n"}
    }
    assert found["train"]["10/x"].class_names == ("dog",)
    assert told.images == {"train": 3}
    assert told.superseded == 3  # of 9: A; of 8: A and B


def test_class_ids_follow_the_names_of_all_spans(span_of, merged, tmp_path):
    """A class that comes (bird) and one that goes (cat): ids are those of the names."""
    _, label_map, _ = merged(
        span_of(1, {"train": [("a", "A", ["dog", "cat"])]}, ["cat", "dog"]),
        span_of(2, {"train": [("b", "B", ["dog", "bird"])]}, ["bird", "dog"]),
    )
    assert label_map.names == ("bird", "cat", "dog")
    assert class_labels(tmp_path / "merged") == {"1/a": [3, 2], "2/b": [3, 1]}


def test_one_label_map_of_all_keeps_its_order(span_of, merged, tmp_path):
    _, label_map, _ = merged(
        span_of(1, {"train": [("a", "A", ["dog"])]}, ["dog", "cat"]),
        span_of(2, {"train": [("b", "B", ["cat"])]}, ["dog", "cat"]),
    )
    assert label_map.names == ("dog", "cat")
    assert class_labels(tmp_path / "merged") == {"1/a": [1], "2/b": [2]}


def test_compressed_shards_stay_compressed(span_of, merged, tmp_path):
    images = {"train": [("a", "A", ["dog"])]}
    _, _, found = merged(span_of(3, images, ["dog"], ".gz"))
    assert set(found["train"]) == {"3/a"}
    (path,) = (tmp_path / "merged" / "Split-train").iterdir()
    assert path.read_bytes()[:2] == b"\x1f\x8b"


def test_label_maps_that_differ_in_order_alone_become_alphabetical():
    maps = [LabelMap(("dog", "cat")), LabelMap(("cat", "dog"))]
    assert joint_label_map(maps).names == ("cat", "dog")
