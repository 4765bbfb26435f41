"""Results are read the same whether a text's records are all sound or not."""

import json

import numpy as np
import pytest

from schemas.user_error import UserError
from trainer.metrics import coco_files
from trainer.metrics.coco_files import read_annotations, read_results
from trainer.metrics.typed_annotations import typed_annotations
from trainer.metrics.typed_results import typed_results

ANNOTATIONS = {
    "images": [{"id": 7}, {"id": 12}],
    "categories": [{"id": 3, "name": "ant"}, {"id": 1, "name": "bee"}],
    "annotations": [{"image_id": 7, "category_id": 3, "bbox": [0, 0, 4, 4]}],
}
SOUND = [
    {"image_id": 12, "category_id": 1, "bbox": [0, 1, 2.5, 3], "score": 1},
    {"score": 0.1, "bbox": [4, 5, 6, 0], "category_id": 3, "image_id": 7, "id": "x"},
]


@pytest.fixture
def annotated(tmp_path):
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(ANNOTATIONS))
    return read_annotations(path)


@pytest.fixture
def read(tmp_path, annotated):
    def read_text(text, **options):
        path = tmp_path / "results.json"
        path.write_text(text)
        return read_results(path, annotated, **options)

    return read_text


def test_sound_records_become_columns(read):
    """By hand: ids are looked up, whole numbers are numbers."""
    detections, left_out = read(json.dumps(SOUND))
    assert detections.image.tolist() == [1, 0]
    assert detections.class_id.tolist() == [1, 0]
    assert detections.boxes_xywh.tolist() == [[0, 1, 2.5, 3], [4, 5, 6, 0]]
    assert detections.score.tolist() == [1.0, 0.1]
    assert (left_out.categories, left_out.images) == (0, 0)


def test_the_two_readers_agree_to_the_last_bit(read, monkeypatch):
    random = np.random.default_rng(0)
    rows = [
        {
            "image_id": int(random.choice([7, 12])),
            "category_id": int(random.choice([1, 3])),
            "bbox": random.uniform(0, 1e6, 4).tolist(),
            "score": float(random.uniform()),
        }
        for _ in range(500)
    ]
    fast, _ = read(json.dumps(rows))
    monkeypatch.setattr(coco_files, "typed_results", lambda text: None)
    slow, _ = read(json.dumps(rows))
    for name in ("image", "class_id", "boxes_xywh", "score"):
        assert np.array_equal(getattr(fast, name), getattr(slow, name))


@pytest.mark.parametrize(
    "change",
    [
        {"image_id": True},
        {"image_id": 7.5},
        {"image_id": None},
        {"category_id": 2**70},
        {"bbox": [1, 2, 3]},
        {"bbox": [1, 2, 3, 4, 5]},
        {"bbox": [1, 2, -3, 4]},
        {"bbox": [1, 2, "3", 4]},
        {"bbox": [1, 2, float("nan"), 4]},
        {"bbox": [1, 2, 10**400, 4]},
        {"score": "0.5"},
        {"score": True},
        {"score": float("inf")},
    ],
    ids=str,
)
def test_a_record_that_is_not_sound_is_named(read, change):
    text = json.dumps([*SOUND, SOUND[0] | change])
    assert typed_results(text.encode()) is None or "category_id" in change
    with pytest.raises(UserError, match=r"results\.json: detections\[2\] "):
        read(text)


@pytest.mark.parametrize(("name", "option"), [("image_id", "ignore_images")])
def test_an_unknown_id_is_named_or_left_out(read, name, option):
    text = json.dumps([*SOUND, SOUND[0] | {name: 99}])
    with pytest.raises(UserError, match=rf"detections\[2\] has an? '{name}'.*got 99"):
        read(text)
    detections, left_out = read(text, **{option: True})
    assert len(detections) == 2
    assert left_out.images == 1


def annotation_file(path, **change):
    annotation = {"id": 1, "image_id": 9, "category_id": 4, "bbox": [1, 2.5, 3, 4]}
    content = {
        "info": {"year": 2026},
        "images": [{"id": 12, "file_name": "a"}, {"id": 9}, {"id": 3}],
        "categories": [{"id": 4, "name": "dog"}, {"id": 1, "name": "cat"}],
        "annotations": [
            annotation | {"segmentation": [[1, 2, 3]], "area": 7.25},
            annotation | {"image_id": 12, "category_id": 1, "iscrowd": 1},
            annotation | {"difficult": True, "area": 2},
            annotation | change,
        ],
    }
    path.write_text(json.dumps(content))
    return path


def test_annotations_read_at_once_are_those_read_one_by_one(tmp_path, monkeypatch):
    path = annotation_file(tmp_path / "truth.json")
    fast = read_annotations(path)
    assert typed_annotations(path.read_bytes()) is not None
    monkeypatch.setattr(coco_files, "typed_annotations", lambda text: None)
    slow = read_annotations(path)

    for name, column in vars(slow.ground_truths).items():
        found = getattr(fast.ground_truths, name)
        assert found.dtype == column.dtype
        assert np.array_equal(found, column)
    for name in ("image_ids", "class_names", "image_index", "category_index", "where"):
        assert getattr(fast, name) == getattr(slow, name)
    assert fast.ground_truths.area_px2.tolist() == [7.25, 12, 2, 12]


@pytest.mark.parametrize(
    "change",
    [
        {"image_id": 5},
        {"image_id": "9"},
        {"category_id": 2**70},
        {"bbox": [1, 2, 3]},
        {"bbox": [1, 2, -3, 4]},
        {"area": None},
        {"area": 10**400},
        {"iscrowd": "1"},
    ],
    ids=str,
)
def test_an_annotation_that_is_not_sound_is_named(tmp_path, change):
    path = annotation_file(tmp_path / "truth.json", **change)
    assert typed_annotations(path.read_bytes()) is None
    with pytest.raises(UserError, match=r"truth\.json: annotations\[3\] "):
        read_annotations(path)
