"""What is told of the runs of a root."""

import json

import pytest

pytest.importorskip("ml_metadata.proto")

from pipeline.run.past_runs import keep_record, past_runs


def test_the_span_of_a_window_is_the_newest_by_number(root):
    root.begin("one")
    for span in ("10", "9"):  # in the order in which TFX runs them
        root.stage(f"VocExampleGen-{span}", "ran", data="d-{SPAN}", span=span)

    (run,) = past_runs(str(root.path))

    assert (run.data, run.span) == ("d-{SPAN}", "10")


def test_a_run_that_began_nothing_is_of_no_span(root):
    root.begin("one")

    (run,) = past_runs(str(root.path))

    assert (run.data, run.span, run.state) == ("", "", "unfinished")


def test_a_run_took_what_it_said_itself(root):
    root.begin("one")
    verdict = {"split": "test", "reasons": ["too bad"]}
    root.stage(
        "DetectionEvaluator",
        "ran",
        key="blessing",
        files={"verdict.json": json.dumps(verdict)},
    )
    keep_record(str(root.path), 61.5)
    root.begin("two")

    finished, begun = past_runs(str(root.path))

    assert (finished.seconds, finished.reasons) == (61.5, ("too bad",))
    assert begun.seconds == 0
    assert [finished.run, begun.run] == [1, 2]
