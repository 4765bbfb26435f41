import json

from pipeline.on_kubeflow.shown import show

METRICS = {
    "eval": {"candidate": {"AP": 0.25, "AP/dog": 0.5, "AR100": None}},
    "test": {"candidate": {"AP": 0.125}, "baseline": {"AP": 0.0}},
}


def test_a_page_lies_where_the_ui_reads_it(tmp_path):
    (tmp_path / "report.html").write_text("<h1>voc</h1>")

    metadata = show(str(tmp_path / "report.html"), str(tmp_path / "task/page"))

    assert metadata == {}
    assert (tmp_path / "task/page").read_text() == "<h1>voc</h1>"


def test_a_page_links_to_nothing_beside_it(tmp_path):
    kept = '<nav> <a href="#verdict">verdict</a></nav>'
    beside = '<a class="page" href="data.html">the data</a>'
    (tmp_path / "report.html").write_text(kept.replace("<nav>", f"<nav>{beside}"))

    show(str(tmp_path / "report.html"), str(tmp_path / "task/page"))

    assert (tmp_path / "task/page").read_text() == kept


def test_numbers_over_all_classes_are_the_uis_table(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))

    # null is an error to KFP's launcher, and there may be hundreds of classes
    assert show(str(tmp_path / "metrics.json"), str(tmp_path / "task/metrics")) == {
        "eval/candidate/AP": 0.25,
        "test/candidate/AP": 0.125,
        "test/baseline/AP": 0.0,
    }
    assert json.loads((tmp_path / "task/metrics").read_text()) == METRICS
