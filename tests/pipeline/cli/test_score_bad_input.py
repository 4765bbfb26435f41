"""`voc-pipeline score` refuses in one line."""

import json

import pytest


def change(index, **values):
    def edit(rows):
        rows[index].update(values)
        return rows

    return edit


def lacking(index, name):
    def edit(rows):
        del rows[index][name]
        return rows

    return edit


def nan_score(rows):
    return json.dumps(rows).replace("0.6", "NaN")


BAD_RESULTS = {
    "unknown image": (change(1, image_id=8), "detections[1] has an 'image_id' that is"),
    "text for a number": (change(1, image_id="7"), "'image_id' that is not in"),
    "unknown category": (change(2, category_id=1), "detections[2] has a 'category_id'"),
    "true as an id": (change(2, category_id=True), "needs an id as 'category_id'"),
    "list as an id": (change(2, image_id=[7]), "needs an id as 'image_id'"),
    "NaN score": (nan_score, "detections[1] needs finite numbers in 'score', got NaN"),
    "infinite score": (change(0, score=float("inf")), "[0] needs finite numbers"),
    "huge score": (change(0, score=10**400), "[0] needs finite numbers in 'score'"),
    "text score": (change(3, score="0.5"), "[3] needs finite numbers in 'score'"),
    "no score": (lacking(3, "score"), "detections[3] lacks 'score'"),
    "no box": (lacking(0, "bbox"), "detections[0] lacks 'bbox'"),
    "three numbers": (change(1, bbox=[1, 2, 3]), "[1] needs left, top, width, height"),
    "no list": (change(1, bbox="1234"), "[1] needs left, top, width, height"),
    "NaN in a box": (change(3, bbox=[1, 2, float("nan"), 3]), "[3] needs finite"),
    "null in a box": (change(3, bbox=[1, 2, None, 3]), "[3] needs finite numbers in"),
    "negative width": (change(2, bbox=[9, 9, -1, 4]), "[2] has a negative width or"),
    "no object": (lambda rows: [*rows, 5], "detections[4] must be an object, got 5"),
    "an object": ({"detections": []}, "holds an object, not a list of detections"),
    "not JSON": ("[{]", "is not JSON"),
    "cut off": (lambda rows: json.dumps(rows)[:-20], "is not JSON"),
    "two lists": ("[] []", "is not JSON"),
    "nothing": ("", "is not JSON"),
    "nested too deep": ("[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize(("edit", "message"), BAD_RESULTS.values(), ids=BAD_RESULTS)
def test_bad_results_are_one_line_and_exit_2(
    write_json, coco_results, score, files, capsys, edit, message
):
    rows = edit(coco_results()) if callable(edit) else edit
    write_json(files[1], rows)
    assert score(*files) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("voc-pipeline score: ")
    assert message in captured.err


def ground_truth_with(section, value):
    return lambda truth: {**truth, section: value}


BAD_GROUND_TRUTHS = {
    "results": ([{"image_id": 7}], "it holds a list, not an object with images"),
    "no annotations": (ground_truth_with("annotations", []), "'annotations' that is"),
    "no categories": ({"images": [{"id": 1}], "annotations": []}, "a list 'annot"),
    "no images": (ground_truth_with("images", {}), "needs a list 'images'"),
    "image twice": (
        ground_truth_with("images", [{"id": 7}, {"id": 3}, {"id": 7}]),
        "images[2] has an 'id' that came before, got 7",
    ),
    "category without a name": (
        ground_truth_with("categories", [{"id": 2}]),
        "categories[0] lacks 'name'",
    ),
    "unknown image": (
        ground_truth_with("images", [{"id": 7}]),
        "annotations[2] has an 'image_id' that is not in images, got 3",
    ),
    "ids of two kinds": (
        ground_truth_with("images", [{"id": 7}, {"id": "a"}]),
        "image ids must be all numbers or all texts",
    ),
    "not JSON": ("image,x,y", "is not JSON"),
}


@pytest.mark.parametrize(
    ("value", "message"), BAD_GROUND_TRUTHS.values(), ids=BAD_GROUND_TRUTHS
)
def test_bad_ground_truth_is_one_line_and_exit_2(
    write_json, coco_ground_truth, score, files, capsys, value, message
):
    value = value(coco_ground_truth()) if callable(value) else value
    write_json(files[0], value)
    assert score(*files) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_bad_voc_directories_are_one_line_and_exit_2(
    score, voc, files, tmp_path, capsys
):
    def message(directory, *options):
        assert score(directory, files[1], *options) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "does not exist" in message(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    assert "holds no annotations: give" in message(tmp_path / "bare")
    assert "no image set test.txt" in message(voc, "--image-set", "test")
    label_map = tmp_path / "labels.txt"
    label_map.write_text("cat\n")
    assert "class 'bird' is not in" in message(voc, "--label-map", str(label_map))
    assert "goes with a VOC directory" in message(files[0], "--label-map", "x.txt")
    assert "--min-box-px goes with a" in message(files[0], "--min-box-px", "1")
    assert "need 0 <= min_inside <= 1" in message(voc, "--min-inside", "2")
    assert "--config none.json cannot be" in message(voc, "--config", "none.json")
