from collections import Counter

import pytest

from components.example_gen.config import IngestConfig
from components.example_gen.output.ingest_report import (
    OverBudgetError,
    budget_problems,
    check_budget,
    check_trainable,
    make_report,
)
from components.example_gen.shards.tally import Tally
from schemas.user_error import UserError


def report_of(images_in=100, rejected=0, reasons=None, splits=None, lost=0, **objects):
    tally = Tally(
        totals=Counter(
            images_in=images_in,
            images_written=images_in - rejected - lost,
            images_rejected=rejected,
        ),
        splits=Counter(splits or {"train": 90, "eval": 10}),
        reasons=Counter(reasons or {}),
    )
    details = {"objects_of_split": {"train": 9, "eval": 1} | objects}
    return make_report(tally, Counter(), {**details, "split_source": "from a list"})


def test_exactly_at_the_budget_is_within():
    assert budget_problems(report_of(rejected=5), IngestConfig()) == []
    assert budget_problems(report_of(rejected=6), IngestConfig()) == [
        "6 of 100 images rejected, more than 5%"
    ]


def test_images_with_boxes_in_doubt_count_with_the_rejected():
    report = report_of(rejected=3, reasons={"size_scaled": 3})
    report.details["images_doubtful"] = 2
    assert budget_problems(report, IngestConfig()) == []
    report.details["images_doubtful"] = 3
    lost, hint = budget_problems(report, IngestConfig())
    assert lost == "3 of 100 images rejected, the boxes of 3 in doubt, more than 5%"
    assert "accept_scaled" in hint


def test_over_budget_names_the_three_reasons_that_cost_most_and_the_report():
    reasons = {
        "grayscale": 90,
        "box_outside": 50,
        "xml_malformed": 4,
        "image_broken": 3,
        "image_missing": 2,
        "not_voc": 1,
    }
    with pytest.raises(OverBudgetError) as caught:
        check_budget(
            report_of(rejected=10, reasons=reasons),
            IngestConfig(max_dropped_objects=1),
            "r.html",
        )
    assert str(caught.value) == (
        "10 of 100 images rejected, more than 5%; worst reasons: "
        "xml_malformed 4, image_broken 3, image_missing 2; "
        "xml_malformed: an XML that is not in UTF-8 must name its encoding in its "
        'first line: <?xml version="1.0" encoding="..."?>; '
        "one that is cut off, export again; & in a text is written &amp;; "
        "image_missing: annotations without their picture: unpack all of the data, or "
        "delete those whose picture is gone; see r.html"
    )


def test_over_budget_names_the_setting_that_may_help():
    report = report_of(rejected=10, reasons={"annotation_missing": 10})
    with pytest.raises(
        OverBudgetError, match=r"--unannotated negative .*; see r\.html"
    ):
        check_budget(report, IngestConfig(), "r.html")


def test_one_leak_is_over_budget_unless_allowed():
    leaking = report_of(reasons={"split_leak": 1})
    assert budget_problems(leaking, IngestConfig()) == [
        "1 picture is in more than one split: leave each in one image set "
        "(rejects.jsonl has them as split_leak), or --allow-leaks "
        "(in a run --set ingest.allow_leaks=true)"
    ]
    assert budget_problems(leaking, IngestConfig(allow_leaks=True)) == []


def test_an_image_that_is_nowhere_accounted_for_is_our_defect():
    with pytest.raises(RuntimeError, match="images: 100 in, 99 accounted for"):
        report_of(lost=1)


def test_training_needs_both_splits():
    check_trainable(report_of())
    with pytest.raises(UserError, match="no image for the eval split"):
        check_trainable(report_of(splits={"train": 100}))


def test_training_needs_objects_to_learn_from_and_to_measure_on():
    with pytest.raises(
        UserError, match=r"eval split has 10 images and no object.*list"
    ):
        check_trainable(report_of(eval=0))
    with pytest.raises(UserError, match="nothing to learn from"):
        check_trainable(report_of(train=0))
    check_trainable(report_of(splits={"train": 80, "eval": 10, "test": 10}, test=0))


def test_the_same_advice_stands_once_in_a_line():
    reasons = {"annotation_lfs_pointer": 5, "image_lfs_pointer": 5}
    with pytest.raises(OverBudgetError) as caught:
        check_budget(report_of(rejected=10, reasons=reasons), IngestConfig(), "r.html")
    assert str(caught.value).count("run git lfs pull") == 1


def test_advice_says_which_of_several_reasons_it_is_for():
    reasons = {"split_leak": 11, "size_conflict": 2}
    with pytest.raises(OverBudgetError) as caught:
        check_budget(report_of(reasons=reasons), IngestConfig(), "r.html")
    message = str(caught.value)
    assert message.startswith("11 pictures are in more than one split: ")
    assert "; size_conflict: put the pictures that the boxes were drawn on" in message
