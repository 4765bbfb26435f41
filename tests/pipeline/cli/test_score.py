"""`voc-pipeline score`: numbers by hand and by pycocotools; bad input in one line."""

import contextlib
import io
import json
import subprocess
import sys

import pytest

from pipeline.__main__ import main

CLASSES = ["bird", "cat"]


def write_json(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def coco_ground_truth():
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


def coco_results():
    """A perfect cat, a shifted one, a bird in the wrong place, a false cat."""
    return [
        {"image_id": 7, "category_id": 2, "bbox": [10, 10, 40, 40], "score": 0.9},
        {"image_id": 3, "category_id": 2, "bbox": [15, 5, 100, 80], "score": 0.6},
        {"image_id": 3, "category_id": 9, "bbox": [50, 50, 20, 20], "score": 0.8},
        {"image_id": 11, "category_id": 2, "bbox": [0, 0, 30, 30], "score": 0.7},
    ]


@pytest.fixture
def files(tmp_path):
    ground_truth = write_json(tmp_path / "gt.json", coco_ground_truth())
    return ground_truth, write_json(tmp_path / "dt.json", coco_results())


def score(ground_truth, detections, *options):
    paths = ["--ground-truth", str(ground_truth), "--detections", str(detections)]
    return main(["score", *paths, *options])


def report_of(capsys, *arguments):
    assert score(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def pycocotools_evaluation(ground_truth, detections):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        coco = COCO(str(ground_truth))
        evaluation = COCOeval(coco, coco.loadRes(str(detections)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        output.truncate(0)
        output.seek(0)
        evaluation.summarize()
    return evaluation.stats, output.getvalue()


def test_json_has_pycocotools_numbers(files, capsys):
    report = report_of(capsys, *files)
    stats, _ = pycocotools_evaluation(*files)
    names = [name for name in report if name.startswith("A")]
    assert names == [
        *("AP", "AP50", "AP75", "APs", "APm", "APl"),
        *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
    ]
    assert [report[name] for name in names] == pytest.approx(list(stats), abs=1e-9)
    assert report["protocol"] == "coco"
    assert report["difficult"] == "ignore"
    assert report["images"] == 3
    assert list(report["per_class"]) == ["cat", "bird"]
    # Cats: hit at .9, miss at .7, hit at .6; so precision 1 up to recall 1/2 (51 of the
    # 101 points) and 2/3 beyond: at IoU .5.
    assert report["per_class"]["cat"]["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert report["per_class"]["bird"]["AP"] == 0


def test_table_is_the_one_pycocotools_prints(files, capsys):
    assert score(*files) == 0
    lines = capsys.readouterr().out.splitlines()
    _, table = pycocotools_evaluation(*files)
    assert lines[:12] == table.splitlines()
    assert lines[12] == " 3 images, difficult objects: ignore"


def test_per_class_lines_name_every_class(files, capsys):
    assert score(*files, "--per-class") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert rows[0] == ["class", "AP", "AP50", "AP75", "APs", "APm", "APl", "AR100"]
    assert [row[0] for row in rows[1:]] == ["cat", "bird"]
    assert rows[1][2] == "0.835"


def test_voc_protocols_by_hand(files, capsys):
    """Cats: precision 1 up to recall 1/2, 2/3 beyond. Birds: 0."""
    voc07 = report_of(capsys, *files, "--protocol", "voc07")
    assert voc07["mAP"] == pytest.approx((6 + 5 * 2 / 3) / 11 / 2)
    voc10 = report_of(capsys, *files, "--protocol", "voc10")
    assert voc10["per_class"]["cat"]["mAP"] == pytest.approx(5 / 6)
    assert voc10["per_class"]["bird"]["mAP"] == 0
    assert voc10["mAP"] == pytest.approx(5 / 12)
    assert (voc10["protocol"], voc10["difficult"]) == ("voc10", "ignore")
    assert score(*files, "--protocol", "voc10") == 0
    assert " mAP (voc10, IoU=0.50) = 0.417" in capsys.readouterr().out


def test_no_detections_score_zero_and_say_so(files, capsys, tmp_path):
    empty = write_json(tmp_path / "empty.json", [])
    report = report_of(capsys, files[0], empty)
    assert report["AP"] == report["AR100"] == 0
    assert score(files[0], empty) == 0
    assert "empty.json has no detections" in capsys.readouterr().err


def voc_xml(objects):
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
        (home / f"{stem}.xml").write_text(voc_xml(rows))
    return home.parent


def voc_results():
    """The same results: image by name or number, class by place in the alphabet."""
    images = {7: "000007", 3: 3, 11: "empty"}
    categories = {2: 2, 9: 1}
    return [
        {
            **row,
            "image_id": images[row["image_id"]],
            "category_id": categories[row["category_id"]],
        }
        for row in coco_results()
    ]


@pytest.mark.parametrize("layout", ["year", "flat"])
def test_voc_directory_has_the_numbers_of_the_same_coco_file(
    voc, files, tmp_path, capsys, layout
):
    results = write_json(tmp_path / "voc_dt.json", voc_results())
    directory = voc if layout == "year" else voc / "Annotations"
    plain = report_of(capsys, directory, results, "--difficult", "plain")
    expected = report_of(capsys, *files, "--difficult", "plain")
    assert plain["per_class"] == expected["per_class"]
    assert plain["AP"] == expected["AP"]
    assert plain["images"] == 3
    voc10 = report_of(capsys, directory, results, "--protocol", "voc10")
    assert voc10["per_class"]["cat"]["mAP"] == pytest.approx(5 / 6)


def test_difficult_modes_move_the_number(voc, tmp_path, capsys):
    """A bird found by IoU 1 in one image; the other, missed, is difficult.

    plain: recall 1/2, so AP 51/101. ignore, crowd: it does not count, so AP 1.
    """
    found = [{"image_id": 7, "category_id": 1, "bbox": [60, 20, 30, 50], "score": 0.5}]
    results = write_json(tmp_path / "found.json", found)
    for mode, expected in (("plain", 51 / 101), ("crowd", 1), ("ignore", 1)):
        report = report_of(capsys, voc, results, "--difficult", mode)
        assert report["difficult"] == mode
        assert report["per_class"]["bird"]["AP"] == pytest.approx(expected)


def test_label_map_gives_the_category_ids(voc, files, tmp_path, capsys):
    label_map = tmp_path / "labels.txt"
    label_map.write_text("zebra\ncat\nbird\n")
    rows = [
        {**row, "category_id": {1: 3, 2: 2}[row["category_id"]]}
        for row in voc_results()
    ]
    results = write_json(tmp_path / "voc_dt.json", rows)
    options = ("--label-map", str(label_map), "--difficult", "plain")
    report = report_of(capsys, voc, results, *options)
    assert list(report["per_class"]) == ["zebra", "cat", "bird"]
    assert report["per_class"]["zebra"]["AP"] == -1
    assert report["AP"] == report_of(capsys, *files, "--difficult", "plain")["AP"]


def test_image_set_limits_the_images(voc, tmp_path, capsys):
    sets = voc / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "test.txt").write_text("000007\r\nempty\r\n")
    rows = [row for row in voc_results() if row["image_id"] != 3]
    results = write_json(tmp_path / "test_dt.json", rows)
    report = report_of(capsys, voc, results, "--image-set", "test")
    assert report["images"] == 2
    assert report["per_class"]["cat"]["AP"] == pytest.approx(1)


def test_results_of_images_beyond_the_set_are_left_out_where_told_so(
    voc, tmp_path, capsys
):
    sets = voc / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "test.txt").write_text("000007\nempty\n")
    results = write_json(tmp_path / "all_dt.json", voc_results())
    assert score(voc, results, "--image-set", "test") == 2
    error = capsys.readouterr().err
    assert f"has a 'image_id' that is not in {voc} (image set test)" in error
    assert "--ignore-unknown-images leaves it out" in error
    options = ("--image-set", "test")
    whole = report_of(capsys, voc, results, *options, "--ignore-unknown-images")
    rows = [row for row in voc_results() if row["image_id"] != 3]
    left_out = len(voc_results()) - len(rows)
    assert whole.pop("notes")[1:] == [f"results of unknown images left out: {left_out}"]
    few = report_of(capsys, voc, write_json(tmp_path / "few.json", rows), *options)
    assert len(few.pop("notes")) == 1  # that there are no pictures
    assert whole == few


def test_results_of_unknown_categories_are_left_out_where_told_so(
    files, tmp_path, capsys
):
    more = [
        {"image_id": 7, "category_id": 99, "bbox": [1, 1, 5, 5], "score": 0.95},
        *coco_results(),
        {"image_id": 11, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.99},
    ]
    results = write_json(tmp_path / "more.json", more)
    assert score(files[0], results) == 2
    assert "[0] has a 'category_id' that is not in" in capsys.readouterr().err
    report = report_of(capsys, files[0], results, "--ignore-unknown-categories")
    assert report.pop("notes") == ["results of unknown categories left out: 2"]
    expected = report_of(capsys, *files)
    assert expected.pop("notes") == []
    assert report == expected
    # pycocotools evaluates the categories of the ground truth and no others.
    stats, _ = pycocotools_evaluation(files[0], results)
    assert report["AP"] == pytest.approx(stats[0], abs=1e-9)
    more[3]["score"] = None
    write_json(results, more)
    assert score(files[0], results, "--ignore-unknown-categories") == 2
    assert "detections[3] needs finite" in capsys.readouterr().err


def change(index, **values):
    rows = coco_results()
    rows[index].update(values)
    return rows


def lacking(index, name):
    rows = coco_results()
    del rows[index][name]
    return rows


NAN_SCORE = json.dumps(coco_results()).replace("0.6", "NaN")
BAD_RESULTS = {
    "unknown image": (change(1, image_id=8), "detections[1] has a 'image_id' that is"),
    "text for a number": (change(1, image_id="7"), "'image_id' that is not in"),
    "unknown category": (change(2, category_id=1), "detections[2] has a 'category_id'"),
    "true as an id": (change(2, category_id=True), "needs an id as 'category_id'"),
    "list as an id": (change(2, image_id=[7]), "needs an id as 'image_id'"),
    "NaN score": (NAN_SCORE, "detections[1] needs finite numbers in 'score', got NaN"),
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
    "no object": ([*coco_results(), 5], "detections[4] must be an object, got 5"),
    "an object": ({"detections": []}, "holds an object, not a list of detections"),
    "not JSON": ("[{]", "is not JSON"),
    "cut off": (json.dumps(coco_results())[:-20], "is not JSON"),
    "two lists": ("[] []", "is not JSON"),
    "nothing": ("", "is not JSON"),
    "nested too deep": ("[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize(("rows", "message"), BAD_RESULTS.values(), ids=BAD_RESULTS)
def test_bad_results_are_one_line_and_exit_2(files, capsys, rows, message):
    write_json(files[1], rows)
    assert score(*files) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("voc-pipeline score: ")
    assert message in captured.err


def ground_truth_with(section, value):
    return {**coco_ground_truth(), section: value}


BAD_GROUND_TRUTHS = {
    "results": (coco_results(), "it holds a list, not an object with images"),
    "no annotations": (ground_truth_with("annotations", []), "'annotations' that is"),
    "no categories": ({"images": [{"id": 1}], "annotations": []}, "a list 'annot"),
    "no images": (ground_truth_with("images", {}), "needs a list 'images'"),
    "image twice": (
        ground_truth_with("images", [{"id": 7}, {"id": 3}, {"id": 7}]),
        "images[2] has a 'id' that came before, got 7",
    ),
    "category without a name": (
        ground_truth_with("categories", [{"id": 2}]),
        "categories[0] lacks 'name'",
    ),
    "unknown image": (
        ground_truth_with("images", [{"id": 7}]),
        "annotations[2] has a 'image_id' that is not in images, got 3",
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
def test_bad_ground_truth_is_one_line_and_exit_2(files, capsys, value, message):
    write_json(files[0], value)
    assert score(*files) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_bad_voc_directories_are_one_line_and_exit_2(voc, files, tmp_path, capsys):
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


def test_what_ingest_leaves_out_is_left_out_and_told(voc, tmp_path, capsys):
    results = write_json(tmp_path / "voc_dt.json", voc_results())
    before = report_of(capsys, voc, results)
    odd = voc / "Annotations"
    inverted, no_number = ("cat", (50, 1, 10, 5), 0), ("cat", (50, 1, "NaN", 5), 0)
    (odd / "odd.xml").write_text(voc_xml([inverted, no_number]))
    (odd / "broken.xml").write_text("<annotation><object>")
    report = report_of(capsys, voc, results)
    assert report["notes"] == [
        "objects not scored, as in ingest: box_inverted 1, box_not_finite 1",
        "images not scored, as in ingest: xml_malformed 1",
        "images scored that ingest rejects: image_missing 4",
    ]
    assert (before["images"], report["images"]) == (3, 4)
    assert report["AP"] == before["AP"]
    assert score(voc, results) == 0
    assert " images not scored, as in ingest: xml_mal" in capsys.readouterr().out


def test_voc_protocols_refuse_other_treatments_of_difficult(files, capsys):
    assert score(*files, "--protocol", "voc07", "--difficult", "plain") == 2
    assert "voc07 always ignores difficult objects" in capsys.readouterr().err


def test_large_and_nested_results_are_read_like_small_ones(files, tmp_path, capsys):
    """More than a piece of the file, with `}, {` inside texts and lists."""
    rows = [
        {**row, "note": "}, {", "parts": [{"a": 1}, {"b": 2}]}
        for row in coco_results()
        for _ in range(15_000)
    ]
    results = write_json(tmp_path / "large.json", rows)
    plain = [
        {k: v for k, v in row.items() if k not in ("note", "parts")} for row in rows
    ]
    simple = write_json(tmp_path / "simple.json", plain)
    assert min(results.stat().st_size, simple.stat().st_size) > 1 << 22
    assert report_of(capsys, files[0], results) == report_of(capsys, files[0], simple)
    rows[-1]["score"] = None
    write_json(results, rows)
    assert score(files[0], results) == 2
    assert f"detections[{len(rows) - 1}] needs finite" in capsys.readouterr().err


def test_nothing_heavy_is_imported(files, voc, tmp_path):
    results = write_json(tmp_path / "voc_dt.json", voc_results())
    script = f"""
import sys
from pipeline.__main__ import main
main(["score", "--ground-truth", {str(files[0])!r}, "--detections", {str(files[1])!r}])
main(["score", "--ground-truth", {str(voc)!r}, "--detections", {str(results)!r}])
heavy = {{"tensorflow", "keras", "tfx", "apache_beam", "pandas", "pyarrow", "jax"}}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
