"""`voc-pipeline score`: numbers by hand and by pycocotools."""

import contextlib
import io
import json
import subprocess
import sys

import pytest


def _pycocotools_evaluation(ground_truth, detections):
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


@pytest.fixture
def pycocotools_evaluation():
    return _pycocotools_evaluation


def test_json_has_pycocotools_numbers(report_of, pycocotools_evaluation, files):
    report = report_of(*files)
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


def test_table_is_the_one_pycocotools_prints(
    score, pycocotools_evaluation, files, capsys
):
    assert score(*files) == 0
    lines = capsys.readouterr().out.splitlines()
    _, table = pycocotools_evaluation(*files)
    assert lines[:12] == table.splitlines()
    assert lines[12] == " 3 images, difficult objects: ignore"


def test_per_class_lines_name_every_class(score, files, capsys):
    assert score(*files, "--per-class") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert rows[0] == ["class", "AP", "AP50", "AP75", "APs", "APm", "APl", "AR100"]
    assert [row[0] for row in rows[1:]] == ["cat", "bird"]
    assert rows[1][2] == "0.835"


def test_voc_protocols_by_hand(score, report_of, files, capsys):
    """Cats: precision 1 up to recall 1/2, 2/3 beyond. Birds: 0."""
    voc07 = report_of(*files, "--protocol", "voc07")
    assert voc07["mAP"] == pytest.approx((6 + 5 * 2 / 3) / 11 / 2)
    voc10 = report_of(*files, "--protocol", "voc10")
    assert voc10["per_class"]["cat"]["mAP"] == pytest.approx(5 / 6)
    assert voc10["per_class"]["bird"]["mAP"] == 0
    assert voc10["mAP"] == pytest.approx(5 / 12)
    assert (voc10["protocol"], voc10["difficult"]) == ("voc10", "ignore")
    assert score(*files, "--protocol", "voc10") == 0
    assert " mAP (voc10, IoU=0.50) = 0.417" in capsys.readouterr().out


def test_no_detections_score_zero_and_say_so(
    write_json, score, report_of, files, capsys, tmp_path
):
    empty = write_json(tmp_path / "empty.json", [])
    report = report_of(files[0], empty)
    assert report["AP"] == report["AR100"] == 0
    assert score(files[0], empty) == 0
    assert "empty.json has no detections" in capsys.readouterr().err


def test_results_of_unknown_categories_are_left_out_where_told_so(
    write_json,
    coco_results,
    score,
    report_of,
    pycocotools_evaluation,
    files,
    tmp_path,
    capsys,
):
    more = [
        {"image_id": 7, "category_id": 99, "bbox": [1, 1, 5, 5], "score": 0.95},
        *coco_results(),
        {"image_id": 11, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.99},
    ]
    results = write_json(tmp_path / "more.json", more)
    assert score(files[0], results) == 2
    assert "[0] has a 'category_id' that is not in" in capsys.readouterr().err
    report = report_of(files[0], results, "--ignore-unknown-categories")
    assert report.pop("notes") == ["results of unknown categories left out: 2"]
    expected = report_of(*files)
    assert expected.pop("notes") == []
    assert report == expected
    # pycocotools evaluates the categories of the ground truth and no others.
    stats, _ = pycocotools_evaluation(files[0], results)
    assert report["AP"] == pytest.approx(stats[0], abs=1e-9)
    more[3]["score"] = None
    write_json(results, more)
    assert score(files[0], results, "--ignore-unknown-categories") == 2
    assert "detections[3] needs finite" in capsys.readouterr().err


def test_voc_protocols_refuse_other_treatments_of_difficult(score, files, capsys):
    assert score(*files, "--protocol", "voc07", "--difficult", "plain") == 2
    assert "voc07 always ignores difficult objects" in capsys.readouterr().err


def test_large_and_nested_results_are_read_like_small_ones(
    write_json, coco_results, score, report_of, files, tmp_path, capsys
):
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
    assert report_of(files[0], results) == report_of(files[0], simple)
    rows[-1]["score"] = None
    write_json(results, rows)
    assert score(files[0], results) == 2
    assert f"detections[{len(rows) - 1}] needs finite" in capsys.readouterr().err


def test_nothing_heavy_is_imported(write_json, voc_results, files, voc, tmp_path):
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


def test_shards_of_results_count_as_one_file(report_of, files, tmp_path):
    whole = report_of(*files)
    results = json.loads(files[1].read_text())
    shards = [tmp_path / f"results-{number}.json" for number in range(3)]
    for number, shard in enumerate(shards):
        shard.write_text(json.dumps(results[number::3][:: 1 if number else -1]))
    shards.append(tmp_path / "empty.json")
    shards[-1].write_text("[]")
    assert len({found["score"] for found in results}) == len(results)  # in any order

    more = [str(shard) for shard in shards[1:]]
    assert report_of(files[0], shards[0], *more) == whole


def test_whole_floats_are_ids_as_pycocotools_has_it(
    tmp_path, write_json, coco_ground_truth, coco_results, report_of
):
    truth, results = coco_ground_truth(), coco_results()
    files = (
        write_json(tmp_path / "g.json", truth),
        write_json(tmp_path / "d.json", results),
    )
    before = report_of(*files)
    for one in (*truth["annotations"], *results):
        one |= {name: float(one[name]) for name in ("image_id", "category_id")}
    for one in truth["images"]:
        one["id"] = float(one["id"])
    write_json(files[0], truth)
    write_json(files[1], results)
    assert report_of(*files) == before


def test_ids_beyond_64_bits_are_ids(
    tmp_path, write_json, coco_ground_truth, coco_results, report_of
):
    truth, results = coco_ground_truth(), coco_results()
    (kept,) = {one["id"] for one in truth["images"][:1]}
    truth["images"] = [{**truth["images"][0], "id": 2**70}]
    mine = [one for one in truth["annotations"] if one["image_id"] == kept]
    truth["annotations"] = [{**one, "image_id": 2**70} for one in mine]
    files = (
        write_json(tmp_path / "g.json", truth),
        write_json(tmp_path / "d.json", results),
    )
    # None of the results is of the image: theirs are small.
    assert report_of(*files, "--ignore-unknown-images")["AP"] == 0
    found = [one for one in results if one["image_id"] == kept]
    write_json(files[1], [{**one, "image_id": 2**70} for one in found])
    assert report_of(*files)["AP"] > 0


def test_a_single_image_is_told_as_one(
    tmp_path, write_json, coco_ground_truth, coco_results, score, capsys
):
    truth, results = coco_ground_truth(), coco_results()
    kept = truth["images"][0]["id"]
    truth["images"] = truth["images"][:1]
    mine = [one for one in truth["annotations"] if one["image_id"] == kept]
    truth["annotations"] = mine
    files = (
        write_json(tmp_path / "g.json", truth),
        write_json(tmp_path / "d.json", results),
    )
    assert score(*files, "--ignore-unknown-images") == 0
    assert " 1 image, difficult objects: ignore\n" in capsys.readouterr().out
