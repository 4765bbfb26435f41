"""`voc-pipeline score`: a COCO file and a VOC folder of the same few objects."""

import json

import pytest


def _write_json(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.fixture
def write_json():
    return _write_json


def _coco_ground_truth():
    """Two images of a cat and a bird each, and one with nothing in it."""
    boxes = [[10, 10, 40, 40], [60, 20, 30, 50], [5, 5, 100, 80], [120, 10, 20, 20]]
    return {
        "images": [{"id": 7}, {"id": 3}, {"id": 11}],
        "categories": [{"id": 2, "name": "cat"}, {"id": 9, "name": "bird"}],
        "annotations": [
            {
                "id": number + 1,
                "image_id": (7, 7, 3, 3)[number],
                "category_id": (2, 9, 2, 9)[number],
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for number, box in enumerate(boxes)
        ],
    }


@pytest.fixture
def coco_ground_truth():
    return _coco_ground_truth


def _coco_results():
    """A perfect cat, a shifted one, a bird in the wrong place, a false cat."""
    return [
        {"image_id": 7, "category_id": 2, "bbox": [10, 10, 40, 40], "score": 0.9},
        {"image_id": 3, "category_id": 2, "bbox": [15, 5, 100, 80], "score": 0.6},
        {"image_id": 3, "category_id": 9, "bbox": [50, 50, 20, 20], "score": 0.8},
        {"image_id": 11, "category_id": 2, "bbox": [0, 0, 30, 30], "score": 0.7},
    ]


@pytest.fixture
def coco_results():
    return _coco_results


@pytest.fixture
def files(tmp_path):
    ground_truth = _write_json(tmp_path / "gt.json", _coco_ground_truth())
    return ground_truth, _write_json(tmp_path / "dt.json", _coco_results())


def _score(ground_truth, detections, *options):
    from pipeline.__main__ import main

    paths = ["--ground-truth", str(ground_truth), "--detections", str(detections)]
    return main(["score", *paths, *options])


@pytest.fixture
def score():
    return _score


@pytest.fixture
def report_of(capsys):
    """The JSON of a `score`."""

    def run(*arguments):
        assert _score(*arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    return run


def _voc_xml(objects):
    text = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>"
        + "".join(
            f"<{side}>{value}</{side}>"
            for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        )
        + "</bndbox></object>"
        for name, box, difficult in objects
    )
    return f"<annotation>{text}</annotation>"


@pytest.fixture
def voc_xml():
    return _voc_xml


@pytest.fixture
def voc(tmp_path):
    """Boxes [10, 10, 40, 40] and so on in VOC's corners, counted from 1."""
    home = tmp_path / "VOC2007" / "Annotations"
    home.mkdir(parents=True)
    objects = {
        "000007": [("cat", (11, 11, 50, 50), 0), ("bird", (61, 21, 90, 70), 0)],
        "000003": [("cat", (6, 6, 105, 85), 0), ("bird", (121, 11, 140, 30), 1)],
        "empty": [],
    }
    for stem, rows in objects.items():
        (home / f"{stem}.xml").write_text(_voc_xml(rows))
    return home.parent


def _voc_results():
    """The same results: image by name or number, class by place in the alphabet."""
    images = {7: "000007", 3: 3, 11: "empty"}
    categories = {2: 2, 9: 1}
    return [
        {
            **row,
            "image_id": images[row["image_id"]],
            "category_id": categories[row["category_id"]],
        }
        for row in _coco_results()
    ]


@pytest.fixture
def voc_results():
    return _voc_results
