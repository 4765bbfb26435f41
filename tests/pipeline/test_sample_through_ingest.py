"""What the sample's own list says of each defect, against what ingest did with it.

The list was written without looking at ingest: each is the other's oracle.
"""

import collections
import json

import pytest

from pipeline.__main__ import main
from pipeline.sample_data.sample import SampleConfig, write_sample

pytestmark = pytest.mark.slow


def ingest(data, output, *options):
    status = main(["ingest", str(data), "--output", str(output), *options])
    return status, json.loads((output / "report.json").read_text("utf-8"))


def test_a_clean_sample_is_ingested_whole(tmp_path):
    write_sample(tmp_path / "data", SampleConfig(images=30))
    told = json.loads((tmp_path / "data" / "sample.json").read_text("utf-8"))
    status, report = ingest(tmp_path / "data", tmp_path / "out")
    assert status == 0
    assert report["images_in"] == report["images_written"] == 30
    assert report["objects_written"] == sum(told["objects"].values())
    assert report["classes"] == told["objects"]
    assert report["splits"] == {"train": 21, "eval": 6, "test": 3}


def test_every_defect_ends_as_its_list_says(tmp_path):
    data, output = tmp_path / "data", tmp_path / "out"
    write_sample(data, SampleConfig(images=150, defects=True))
    label_map = ["--label-map", str(data / "label_map.txt"), "--unknown-class", "drop"]
    status, report = ingest(data, output, *label_map)
    # Over budget: 12 images of 153 are more than 5 %, and two contents leak.
    assert status == 1
    done = collections.defaultdict(set)
    for line in (output / "rejects.jsonl").read_text("utf-8").splitlines():
        reject = json.loads(line)
        done[reject["image"]].add((reject["action"], reject["object_index"]))
    for entry in json.loads((data / "defects.json").read_text("utf-8")):
        image_id, action = entry["image_id"], entry["action"]
        if entry["defect"] == "unknown_listing":
            image_id += "_ghost"
        told = done.pop(image_id, set())
        if action == "leak":
            # Told of one of the two places, whichever comes first.
            told |= done.pop(f"{image_id}_again", set())
            assert ("keep", None) in told, entry
        elif action in {"keep", "unlisted"}:
            assert told == set(), entry
        else:
            assert told == {(action, entry["object_index"])}, entry
    # Nothing is said of an image that nothing was done to.
    assert done == {}
    assert report["images_rejected"] == 12
    assert report["objects_dropped"] >= 9
