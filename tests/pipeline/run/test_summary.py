import pytest

pytestmark = pytest.mark.slow  # TFX is imported for the names of the stages' files


def test_the_summary_ends_with_numbers_verdict_and_paths(summary_of):
    assert summary_of().as_text() == (
        "\n"
        "test      mAP 0.500  AP50 0.900  AP75 -\n"
        "gate      blessed: AP50 0.9 reaches the threshold 0.5\n"
        "pushed    /served/7\n"
        "report    /root/report.html\n"
        "picture   /root/detections.png\n"
        "curves    /root/curves.png\n"
        "data      /root/data.html\n"
        "2 stages, 1 reused, 12 s\n"
    )


def test_a_refused_model_leaves_what_serves_untouched_and_says_so(summary_of):
    text = summary_of(
        blessed=False, pushed_path="", serving_problems=("no signature x",)
    ).as_text()

    assert "gate      NOT BLESSED: " in text
    assert "serving   no signature x\n" in text
    assert "pushed    nothing: what serves is untouched\n" in text


def test_why_nothing_was_pushed_is_one_line(summary_of):
    refused = summary_of(
        blessed=False, pushed_path="", serving_problems=("no signature x",)
    )
    assert refused.why_not_pushed() == (
        "AP50 0.9 reaches the threshold 0.5; no signature x"
    )
    later = summary_of(pushed_path="", not_pushed="version 8 serves")
    assert later.why_not_pushed() == "version 8 serves"


def test_what_served_before_the_run_is_not_said_to_be_pushed_by_it(summary_of):
    again = summary_of(served_already=True)
    assert "pushed    nothing: /served/7 serves already\n" in again.as_text()
