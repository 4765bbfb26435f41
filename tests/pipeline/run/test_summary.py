import dataclasses

import pytest

from pipeline.run.summary import RunSummary

pytestmark = pytest.mark.slow  # TFX is imported for the names of the stages' files


@pytest.fixture
def summary():
    return RunSummary(
        blessed=True,
        reasons=("mAP 0.5000 reaches the threshold 0.4000",),
        serving_problems=(),
        pushed_path="runs/served/7",
        not_pushed="",
        model_digest="d1",
        metrics={"eval": {"AP": 0.5, "AP50": 0.75, "AP75": None}},
        model_path="model",
        report="report.html",
        picture="detections.png",
        curves="learning_curves.png",
        ingest_report="ingest.html",
        stages={"Trainer": "reused", "ModelPusher": "ran"},
        seconds=12.4,
    )


def test_the_summary_ends_with_numbers_verdict_and_paths(summary):
    assert summary.as_text() == (
        "\n"
        "eval      mAP 0.500  AP50 0.750  AP75 -\n"
        "gate      blessed: mAP 0.5000 reaches the threshold 0.4000\n"
        "pushed    runs/served/7\n"
        "report    report.html\n"
        "picture   detections.png\n"
        "curves    learning_curves.png\n"
        "data      ingest.html\n"
        "2 stages, 1 reused, 12 s\n"
    )


def test_a_refused_model_leaves_what_serves_untouched_and_says_so(summary):
    text = dataclasses.replace(
        summary, blessed=False, pushed_path="", serving_problems=("no signature x",)
    ).as_text()

    assert "gate      NOT BLESSED: " in text
    assert "serving   no signature x\n" in text
    assert "pushed    nothing: what serves is untouched\n" in text


def test_why_nothing_was_pushed_is_one_line(summary):
    refused = dataclasses.replace(
        summary, blessed=False, pushed_path="", serving_problems=("no signature x",)
    )
    assert refused.why_not_pushed() == (
        "mAP 0.5000 reaches the threshold 0.4000; no signature x"
    )
    later = dataclasses.replace(summary, pushed_path="", not_pushed="version 8 serves")
    assert later.why_not_pushed() == "version 8 serves"
