"""What a schedule makes of data, windows and models that are refused."""

import contextlib

import pytest

from schemas.user_error import ModelRefusedError, RefusedError, UserError


def test_a_drifted_span_is_refused_once_and_never_learned_from(schedule):
    """Nor is drift measured against it: else it would pass in its second week."""
    schedule.add_span(7)
    schedule.call(window=3)
    schedule.add_span(8)
    result = schedule.call(RefusedError("drift of brightness: 0.8"), window=3)

    assert result.outcome == "data_refused"
    assert result.text == (
        "span 8: drift of brightness: 0.8; it is taken up again when its files change, "
        "or with --again; 1 of 3 failures in a row that pause it"
    )
    assert schedule.call(window=3).outcome == "nothing_new"

    schedule.add_span(9)
    schedule.call(window=3)
    _, paths, _ = schedule.runs[-1]
    assert (paths.window, paths.earlier_span) == (("7", "9"), "7")
    assert schedule.said[-1].endswith("passed over, since their data were refused: 8")

    schedule.add_span(8, "<annotation>mended</annotation>")
    schedule.add_span(10)
    schedule.call(window=3)
    assert schedule.windows()[-1] == ("8", "9", "10")


@pytest.mark.parametrize(
    "end", [UserError("no space left"), KeyboardInterrupt(), ZeroDivisionError()]
)
def test_a_try_that_ends_before_the_data_gate_lifts_no_refusal(schedule, end):
    schedule.add_span(7)
    schedule.call(window=3)
    schedule.add_span(8)
    schedule.call(RefusedError("drift of brightness: 0.8"), window=3)
    with contextlib.suppress(KeyboardInterrupt, ZeroDivisionError):
        schedule.call(end, window=3, again=True)

    schedule.add_span(9)
    schedule.call(window=3)
    assert schedule.windows()[-1] == ("7", "9")


def test_a_span_that_no_model_can_be_judged_on_is_settled_and_learned_from(schedule):
    schedule.add_span(7)
    schedule.call(window=3)
    schedule.add_span(8)
    nothing = ModelRefusedError("gate.slices: nothing can be in the slice 'dark'")
    result = schedule.call(nothing, window=3)
    assert (result.outcome, result.failures) == ("model_refused", 1)
    assert schedule.call(window=3).outcome == "nothing_new"

    schedule.add_span(9)
    schedule.call(window=3)
    assert schedule.windows()[-1] == ("7", "8", "9")


def test_a_refused_span_that_was_accepted_after_all_is_learned_from(schedule):
    for number, end in ((7, None), (8, RefusedError("drift of brightness: 0.8"))):
        schedule.add_span(number)
        schedule.call(end, window=3)
    schedule.call(window=3, again=True)

    schedule.add_span(9)
    schedule.call(window=3)
    assert schedule.windows()[-1] == ("7", "8", "9")


def test_a_span_back_as_it_was_refused_is_passed_over(schedule):
    refused = RefusedError("drift of brightness: 0.8")
    for number, end in ((7, None), (8, refused)):
        schedule.add_span(number)
        schedule.call(end, window=3)
    schedule.add_span(8, "<annotation>mended</annotation>")
    schedule.call(window=3)
    schedule.add_span(8)  # as it was

    schedule.add_span(9)
    schedule.call(window=3)
    assert schedule.windows()[-2:] == [("7", "8"), ("7", "9")]


def test_an_earlier_span_over_its_budget_is_not_the_new_one_s_fault(schedule):
    for number in (1, 2):
        schedule.add_span(number)
    fault = RefusedError("3 of 9 images rejected")
    fault.span = 1  # as ingest says
    result = schedule.call(fault, window=2)
    assert result.outcome == "window_refused"
    assert result.text.startswith(
        "span 2: of span 1 (--leave-out 1 passes it over): 3 of 9 images rejected; "
    )

    assert schedule.call(window=2, leave_out=(1,)).outcome == "pushed"
    assert schedule.windows() == [("1", "2"), ("2",)]


def test_an_earlier_span_that_is_broken_is_named(schedule):
    for number in (1, 2):
        schedule.add_span(number)
    for at_fault, named in (
        (1, "span 2: of span 1 (--leave-out 1 passes it over): nothing is left"),
        (2, "span 2: nothing is left"),
    ):
        fault = UserError("nothing is left of 9 images")
        fault.span = at_fault  # as ingest says
        result = schedule.call(fault, window=2)
        assert result.outcome == "bad_input"
        assert result.text.startswith(named)


def test_a_worse_model_is_refused_once_and_its_span_stays_in_the_window(
    schedule, model_refused
):
    schedule.add_span(7)
    schedule.call(window=2)
    schedule.add_span(8)
    result = schedule.call(model_refused(), window=2)

    assert result.outcome == "model_refused"
    assert "mAP 0.2 is worse than the served model's 0.5; 1 of 3" in result.text
    assert schedule.call(window=2).outcome == "nothing_new"
    schedule.add_span(9)
    schedule.call(window=2)
    assert schedule.windows()[-1] == ("8", "9")


def test_a_lost_class_is_refused_by_its_name(schedule, model_refused):
    schedule.add_span(7)
    reason = "the served model knows cat, which this one would lose"
    result = schedule.call(model_refused(reason))

    assert result.outcome == "model_refused"
    assert reason in result.text


def test_a_model_that_cannot_be_served_is_refused(schedule, summary_of):
    schedule.add_span(7)
    problem = "serving_images gives other boxes"
    result = schedule.call(summary_of(pushed_path="", serving_problems=(problem,)))

    assert result.outcome == "model_refused"
    assert problem in result.text


def test_another_model_that_came_to_serve_is_judged_against_next_time(
    schedule, summary_of
):
    schedule.add_span(7)
    outrun = "it was judged against version 1, and now version 2 serves"
    result = schedule.call(summary_of(pushed_path="", not_pushed=outrun))

    assert result.outcome == "outrun"
    assert outrun in result.text
    assert schedule.call().outcome == "pushed"
    assert schedule.said[-1].startswith("span 7 goes on; ")
