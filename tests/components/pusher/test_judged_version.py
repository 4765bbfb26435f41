"""A version is verified, and two compared, from what lies beside them alone."""

import json

import numpy as np
import pytest

from components.baseline.push import push
from components.baseline.push_record import PushRecord
from components.baseline.served_models import model_digest
from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns
from components.evaluator.judged_images import JudgedImages
from pipeline.__main__ import main


def judged(*, second_is_found):
    """Two images with an ant each; the first is found: AP 51/101, else 1."""
    box = np.array([[10.0, 10, 30, 30]])
    images = [
        ScoredImage(
            image_id=image_id,
            gt_boxes=box,
            gt_classes=np.zeros(1, np.int64),
            gt_difficult=np.zeros(1, bool),
            boxes=box[:found],
            classes=np.zeros(found, np.int64),
            scores=np.full(found, 0.9, np.float32),
        )
        for image_id, found in (("first", 1), ("second", int(second_is_found)))
    ]
    return JudgedImages("test", ("ant",), "ignore", ImageColumns.of_images(images))


@pytest.fixture
def destination(tmp_path):
    """Two versions; the second finds the second image, too."""
    folder = tmp_path / "served"
    against = ""
    for number in (1, 2):
        model = tmp_path / f"model-{number}"
        model.mkdir()
        (model / "saved_model.pb").write_bytes(b"graph %d" % number)
        images = judged(second_is_found=number == 2)
        metrics = images.summary().metrics
        record = PushRecord(
            fingerprint="f",
            judged_against=against,
            model_digest=model_digest(str(model)),
            metrics={"test": {name: metrics[name] for name in ("AP", "AP50")}},
            score_thresholds={"overall": 0.5},
        )
        served = push(str(model), str(folder), record, images.to_bytes())
        against = served.identity
    return folder


def versions(destination):
    return sorted(path for path in destination.iterdir() if path.name.isdigit())


def test_whole_versions_are_as_recorded(destination, capsys):
    assert main(["verify", str(destination), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["problems"] == second["problems"] == []
    assert any(text == "AP50 1.0 on test" for text in second["checked"])


def test_another_file_is_no_more_what_was_judged(destination, capsys):
    first, second = versions(destination)
    (second / "saved_model.pb").write_bytes(b"graph 3")
    assert main(["verify", str(destination)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert "as recorded" in told[0]
    assert "its files are not those that were judged" in told[1]
    assert main(["verify", str(destination), first.name]) == 0


def test_numbers_that_the_images_do_not_give_differ(destination, capsys):
    record = versions(destination)[1] / "assets.extra" / "push.json"
    values = json.loads(record.read_text())
    values["metrics"]["test"]["AP"] = 0.9999
    record.write_text(json.dumps(values))
    assert main(["verify", str(destination)]) == 1
    assert ", recorded 0.9999" in capsys.readouterr().out


def test_damaged_images_are_named(destination, capsys):
    images = versions(destination)[0] / "assets.extra" / "judged.npz"
    images.write_bytes(images.read_bytes()[:100])
    assert main(["verify", str(destination)]) == 1
    assert f"{images} is damaged" in capsys.readouterr().out


def test_the_difference_is_told_by_class_and_image(destination, capsys):
    first, second = (path.name for path in versions(destination))
    assert main(["diff", str(destination), first]) == 0
    told = capsys.readouterr().out
    assert f"{first} -> {second}, on 2 images of test" in told
    assert "AP                     0.5050   1.0000  +0.4950   95% interval" in told
    assert "fewer errors in 1 image\n" in told
    changed = "second: 0 found, 1 missed, 0 false -> 1 found, 0 missed, 0 false"
    assert changed in told


def test_a_version_without_judged_images_is_named(destination, capsys):
    first = versions(destination)[0]
    (first / "assets.extra" / "judged.npz").unlink()
    assert main(["diff", str(destination), first.name]) == 2
    assert f"version {first.name} has no judged images" in capsys.readouterr().err
