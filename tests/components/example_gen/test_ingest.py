"""Whole runs, against the data and against the answer of a plain loop."""

import json
import os
import shutil

import pytest

from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import whole_output
from components.example_gen.shards import tfrecord
from components.example_gen.source import spans
from schemas.tf_example import decode_example
from schemas.user_error import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def home(data_set, voc_xml, voc_object):
    """Five images: two train, one eval, one negative test, one broken test."""
    return data_set(
        {
            "a": voc_xml(
                objects=[voc_object(), voc_object(name="cat", box=(1, 1, 9, 9))]
            ),
            "b": voc_xml("b.jpg", objects=[voc_object(box=(7, 7, 7, 7))]),
            "c": voc_xml("c.jpg"),
            "d": voc_xml("d.jpg", objects=[]),
            "e": b"<annotation",
        },
        sets={"train": "a\nb\n", "val": "c\n", "test": "d\ne\n", "trainval": "a\nb\nc"},
    )


def records(out, kind=""):
    """Serialized examples by (split, id)."""
    found = {}
    for path in sorted((out / kind).glob("Split-*/*")):
        for record in tfrecord.read_records(str(path)):
            key = (
                path.parent.name.removeprefix("Split-"),
                decode_example(record).image_id,
            )
            assert key not in found
            found[key] = record
    return found


def test_a_run_writes_what_it_says(run, home):
    report, out = run(home)
    details = report.pop("details")
    assert report == {
        "images_in": 5,
        "images_written": 4,
        "images_rejected": 1,
        "objects_in": 4,
        "objects_written": 3,
        "objects_dropped": 1,
        "objects_repaired": 0,
        "splits": {"train": 2, "eval": 1, "test": 1},
        "classes": {"cat": 1, "dog": 2},
        "reasons": {"box_too_small": 1, "no_objects": 1, "xml_malformed": 1},
    }
    assert details["label_map"] == ["cat", "dog"]
    assert details["warnings"] == []
    assert details["split_source"] == (
        "from ImageSets/Main (test.txt, train.txt, trainval.txt, val.txt)"
    )
    assert sorted(records(out)) == [
        ("eval", "c"),
        ("test", "d"),
        ("train", "a"),
        ("train", "b"),
    ]
    assert (out / "label_map.txt").read_text() == "cat\ndog\n"
    assert (out / "Split-train/images-00000-of-00001").exists()
    assert not list(out.glob(".*"))


def test_the_examples_hold_the_image_and_its_objects(run, home):
    _, out = run(home)
    example = decode_example(records(out)["train", "a"])
    assert example.encoded_image == (home / "JPEGImages/a.jpg").read_bytes()
    assert example.class_names == ("dog", "cat")
    # 11..50 x 21..60, 1-based inclusive
    assert example.boxes[0].tolist() == pytest.approx([10, 20, 50, 60], abs=1e-4)
    assert example.poses == ("Left", "Left")
    assert example.source_path == "JPEGImages/a.jpg"


def test_annotations_are_the_same_examples_without_the_image(run, home):
    _, out = run(home)
    with_image, without = records(out), records(out, "annotations")
    assert with_image.keys() == without.keys()
    for key, record in with_image.items():
        whole, bare = decode_example(record), decode_example(without[key])
        assert bare.encoded_image == b""
        assert (bare.sha256, bare.class_names) == (whole.sha256, whole.class_names)
        assert bare.boxes.tolist() == whole.boxes.tolist()
    assert (out / "annotations/label_map.txt").read_text() == "cat\ndog\n"


def test_rejects_name_image_object_reason_and_action(run, home):
    _, out = run(home)
    lines = [json.loads(line) for line in (out / "rejects.jsonl").open()]
    assert [
        (line["image"], line["object_index"], line["reason"], line["action"])
        for line in sorted(lines, key=lambda line: line["image"])
    ] == [
        ("b", 0, "box_too_small", "drop_object"),
        ("e", None, "xml_malformed", "reject_image"),
    ]
    noticed = [json.loads(line) for line in (out / "recorded.jsonl").open()]
    assert [(line["image"], line["reason"]) for line in noticed] == [
        ("d", "no_objects")
    ]


def test_the_counts_equal_those_of_a_plain_loop(run, judge, home):
    report, _ = run(home)
    tally, findings, examples = judge(home)
    assert report["images_written"] == len(examples)
    assert report["objects_written"] == tally.totals["objects_written"]
    assert sum(report["reasons"].values()) == len(findings)


def shard_files(out):
    return {p.relative_to(out): p.read_bytes() for p in out.glob("Split-*/images-*")}


def test_shards_and_processes_change_nothing_but_the_boundaries(run, home):
    _, one = run(home, "one", images_per_shard=100, processes=1)
    _, many = run(home, "many", images_per_shard=1, processes=2)
    _, small = run(home, "small", max_shard_bytes=1)
    assert records(one) == records(many)
    assert (one / "report.json").read_bytes() == (many / "report.json").read_bytes()
    assert shard_files(small) == shard_files(many)  # an image each
    assert sorted(path.name for path in (many / "Split-train").iterdir()) == [
        "images-00000-of-00002",
        "images-00001-of-00002",
    ]


def test_the_order_in_which_files_are_found_changes_nothing(run, home, tmp_path):
    _, first = run(home, "first")
    moved = tmp_path / "moved"
    for path in sorted(home.rglob("*"), reverse=True):
        if path.is_file():
            target = moved / path.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    lines = (home / "ImageSets/Main/train.txt").read_text().splitlines()
    (moved / "ImageSets/Main/train.txt").write_text("\n".join(reversed(lines)))
    _, second = run(moved, "second")
    assert records(first) == records(second)


def test_gzip_shards_are_named_so(run, home):
    _, out = run(home, gzip=True)
    assert (out / "Split-eval/images-00000-of-00001.gz").exists()
    assert len(records(out)) == 4


def test_duplicates_are_recorded_and_leaks_are_errors(
    run, data_set, voc_xml, image_bytes
):
    same = image_bytes()
    home = data_set(
        {name: voc_xml(f"{name}.jpg") for name in "abcd"},
        {"a": same, "b": same, "c": image_bytes(color=(1, 1, 1)), "d": same},
        sets={"train": "a\nb\nc", "val": "d"},
    )
    report, out = run(home)
    assert report["reasons"] == {"split_leak": 1}
    assert report["images_written"] == 4
    leak = json.loads((out / "rejects.jsonl").read_text())
    assert leak["detail"] == "eval/d, train/a, train/b"
    assert "1 picture is in more than one split: " in report["details"]["verdict"]


def test_without_sets_equal_images_stay_in_one_split(
    run, data_set, voc_xml, image_bytes
):
    raws = [image_bytes(color=(i, 2 * i, 3)) for i in range(10)]
    names = {f"i{i}": voc_xml(f"i{i}.jpg") for i in range(20)}
    home = data_set(names, {name: raws[i % 10] for i, name in enumerate(names)})
    report, _ = run(home)
    assert report["reasons"] == {"duplicate_image": 10}
    assert set(report["splits"]) == {"train", "eval"}
    assert report["details"]["split_by_content"]


@pytest.mark.parametrize("count", [2, 3])
def test_tiny_sets_get_both_splits(run, data_set, voc_xml, count):
    names = {f"i{i}": voc_xml(f"i{i}.jpg") for i in range(count)}
    report, _ = run(data_set(names))
    assert set(report["splits"]) == {"train", "eval"}


def test_a_class_beyond_the_label_map_stops_and_leaves_nothing(run, home, tmp_path):
    message = r"lacks 'cat' \(1 objects\); it knows: dog"
    with pytest.raises(UserError, match=message):
        run(home, label_map=("dog",))
    assert not (tmp_path / "out").exists()


def test_a_class_beyond_the_label_map_is_dropped_when_told_so(run, home):
    report, _ = run(home, label_map=("dog",), unknown_class="drop")
    assert report["classes"] == {"dog": 2}
    assert report["reasons"]["unknown_class"] == 1


def test_the_label_map_given_decides_the_ids(run, home):
    _, out = run(home, label_map=("dog", "cat", "emu"))
    assert (out / "label_map.txt").read_text() == "dog\ncat\nemu\n"


@pytest.mark.parametrize(
    ("folder", "message"),
    [("JPEGImages", r"holds no annotations \(.xml\);"), ("Annotations", "no images;")],
)
def test_one_half_of_a_data_set_is_unusable(run, home, folder, message):
    with pytest.raises(UserError, match=message):
        run(home / folder)


def test_file_names_that_are_no_utf8_survive(run, data_set, voc_xml, tmp_path):
    home = data_set({"plain": voc_xml("plain.jpg"), "x": voc_xml()})
    for folder, suffix in ((b"Annotations", b"xml"), (b"JPEGImages", b"jpg")):
        base = os.fsencode(home) + b"/" + folder
        os.rename(base + b"/x." + suffix, base + b"/caf\xe9." + suffix)
    report, out = run(home)
    assert report["images_written"] == 2
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert {image_id for _, image_id in records(out)} == {"plain", odd}


def test_replay_ingests_what_was_rejected_once_it_is_mended(run, home, voc_xml):
    _, first = run(home, "first")
    (home / "Annotations/e.xml").write_bytes(voc_xml("e.jpg"))
    report, second = run(home, "second", replay=str(first / "rejects.jsonl"))
    assert report["images_in"] == 1
    assert list(records(second)) == [("test", "e")]


def test_a_data_set_of_negatives_alone_is_valid(run, data_set, voc_xml):
    names = {f"i{i}": voc_xml(f"i{i}.jpg", objects=[]) for i in range(3)}
    report, _ = run(data_set(names))
    assert (report["images_written"], report["classes"]) == (3, {})


def test_beam_counts_under_the_names_of_the_report(home, tmp_path):
    from components.example_gen.ingest import pipeline_with

    pipeline = pipeline_with()
    with whole_output(str(tmp_path / "out")) as dirs:
        data = spans.resolve(str(home))
        report = ingest(data, dirs, IngestConfig(ensure_splits=False), lambda: pipeline)
    counters = {
        counter.key.metric.name: counter.committed
        for counter in pipeline.result.metrics().query()["counters"]
        if counter.key.metric.namespace == "ingest"
    }
    for name in (*report.totals, *report.reasons):
        assert counters.get(name, 0) == report.to_dict().get(
            name, report.reasons.get(name)
        )


def objects_of(voc_xml, voc_object, boxes, **fields):
    return {
        f"i{number}": voc_xml(f"i{number}.jpg", objects=[voc_object(box=box, **fields)])
        for number, box in enumerate(boxes)
    }


def test_a_zero_minimum_anywhere_makes_every_box_count_from_zero(
    run, data_set, voc_xml, voc_object
):
    boxes = [(10, 20, 50, 60), (0, 20, 50, 60)]
    for shard in (1, 100):
        report, out = run(
            data_set(objects_of(voc_xml, voc_object, boxes)),
            f"out{shard}",
            images_per_shard=shard,
        )
        found = {key[1]: decode_example(raw) for key, raw in records(out).items()}
        assert found["i0"].boxes.tolist() == [pytest.approx((10, 20, 50, 60))]
        assert found["i1"].boxes.tolist() == [pytest.approx((0, 20, 50, 60))]
        assert report["details"]["corners"] == {
            "convention": "zero_based",
            "evidence": "1 boxes begin at 0, 0 at 1, in 2 files",
        }
