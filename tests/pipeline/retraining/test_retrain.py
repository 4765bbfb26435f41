"""What a schedule does week by week; the run itself is what each test says."""

import pytest

from schemas.user_error import UnavailableError, UserError


def test_a_new_span_is_trained_on_and_pushed(schedule):
    schedule.add_span(7)
    result = schedule.call()

    assert (result.outcome, result.span, result.window) == ("pushed", 7, (7,))
    assert result.text == "span 7: /served/7"
    assert schedule.told == [result]
    assert schedule.said == ["span 7 is new; learning from span 7"]
    ((_, paths, digests),) = schedule.runs
    assert (paths.span, paths.earlier_span, paths.window) == ("7", "", ("7",))
    assert digests.window == (digests.span,) == (digests.learned_from,)


def test_nothing_new_runs_nothing_and_says_since_when(schedule):
    schedule.add_span(7)
    schedule.call()
    result = schedule.call()

    assert result.outcome == "nothing_new"
    assert len(schedule.runs) == 1
    assert "span 7 (pushed 20" in result.text
    assert result.text.endswith(": /served/7")


def test_the_week_after_drift_is_measured_against_the_span_before(schedule):
    for number in (7, 8):
        schedule.add_span(number)
        schedule.call()

    _, paths, digests = schedule.runs[-1]
    assert (paths.span, paths.earlier_span) == ("8", "7")
    assert digests.earlier == schedule.runs[0][2].span
    assert schedule.said[-1] == (
        "span 8 is new; learning from span 8; drift is measured against span 7"
    )


def test_a_window_rolls_over_the_newest_spans(schedule):
    for number in (1, 2, 9, 10):
        schedule.add_span(number)
        schedule.call(window=3)

    assert schedule.windows() == [
        ("1",),
        ("1", "2"),
        ("1", "2", "9"),
        ("2", "9", "10"),
    ]
    _, paths, digests = schedule.runs[-1]
    assert paths.earlier_span == "9"
    assert len(set(digests.window)) == 3
    assert digests.learned_from not in digests.window


def test_of_two_spans_that_came_since_the_newest_is_the_one(schedule):
    schedule.add_span(1)
    schedule.call()
    schedule.add_span(2)
    schedule.add_span(3)
    schedule.call(window=2)

    assert schedule.windows()[-1] == ("2", "3")
    assert schedule.call().outcome == "nothing_new"


def test_a_span_whose_files_changed_is_new(schedule):
    schedule.add_span(7)
    schedule.call()
    schedule.add_span(7, "<annotation>mended</annotation>")

    assert schedule.call().outcome == "pushed"
    assert schedule.said[-1].startswith("span 7 has changed; ")
    assert schedule.call().outcome == "nothing_new"


def test_a_span_that_is_taken_away_is_nothing_new(schedule):
    schedule.add_span(7)
    schedule.add_span(8)
    schedule.call()
    (schedule.folder / "data" / "span-8").rename(schedule.folder / "gone")

    assert schedule.call().outcome == "nothing_new"


def test_broken_data_are_tried_again_and_a_third_time_pauses(schedule):
    schedule.add_span(7)
    broken = UserError("nothing is left of 30 images")
    outcomes = [schedule.call(broken).outcome for _ in range(4)]

    assert outcomes == ["bad_input", "bad_input", "bad_input", "paused"]
    assert len(schedule.runs) == 3
    third, paused = schedule.told[-2:]
    assert third.text.endswith("paused until somebody has looked; --resume goes on")
    assert third.paused
    assert "nothing is left of 30 images" in paused.text
    assert "--resume" in paused.text


def test_an_engine_that_was_lost_is_tried_again(schedule):
    schedule.add_span(7)
    assert schedule.call(UnavailableError("no engine")).outcome == "unavailable"
    assert schedule.call().outcome == "pushed"


def test_failures_of_three_weeks_pause_and_a_fourth_span_does_not_lift_it(
    schedule, model_refused
):
    for number in (1, 2, 3, 4):
        schedule.add_span(number)
        schedule.call(model_refused())
    assert [result.outcome for result in schedule.told][2:] == [
        "model_refused",
        "paused",
    ]

    assert schedule.call(resume=True).outcome == "pushed"
    assert schedule.windows()[-1] == ("4",)
    assert schedule.memory()["failures"] == 0


def test_a_push_between_them_makes_failures_begin_anew(schedule, model_refused):
    ends = [model_refused(), model_refused(), None, model_refused(), model_refused()]
    for number, end in enumerate(ends):
        schedule.add_span(number)
        schedule.call(end)

    assert [result.failures for result in schedule.told] == [1, 2, 0, 1, 2]


def test_a_defect_of_ours_is_remembered_and_raised(schedule):
    schedule.add_span(7)
    with pytest.raises(ZeroDivisionError):
        schedule.call(ZeroDivisionError("boom"))

    (result,) = schedule.told
    assert (result.outcome, result.failures) == ("crashed", 1)
    assert "ZeroDivisionError: boom" in result.text
    assert schedule.call().outcome == "pushed"
    assert schedule.said[-1].startswith("span 7 goes on; ")


def test_an_interrupt_is_no_failure_and_the_next_call_goes_on(schedule):
    schedule.add_span(7)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            schedule.call(KeyboardInterrupt())

    assert [result.outcome for result in schedule.told] == ["interrupted"] * 4
    assert schedule.told[-1].failures == 0
    assert schedule.call().outcome == "pushed"


def test_a_killed_call_is_found_by_the_next_which_goes_on(schedule, killed):
    schedule.add_span(7)
    with pytest.raises(type(killed)):
        schedule.call(killed)
    assert schedule.memory()["running"]["span"] == 7

    result = schedule.call()

    assert result.outcome == "pushed"
    assert result.killed.what == "killed"
    assert schedule.said[-1].startswith("span 7 goes on; ")
    assert schedule.runs[0] == schedule.runs[1]
    assert schedule.memory()["running"] is None


def test_a_call_that_is_killed_each_time_is_paused(schedule, killed):
    schedule.add_span(7)
    for _ in range(3):
        with pytest.raises(type(killed)):
            schedule.call(killed)

    result = schedule.call()
    assert result.outcome == "paused"
    assert "was killed" in result.text
    assert len(schedule.runs) == 3


def test_again_trains_once_more_and_goes_on_where_it_is_killed(schedule, killed):
    schedule.add_span(7)
    schedule.call()
    with pytest.raises(type(killed)):
        schedule.call(killed, again=True)

    assert schedule.call().outcome == "pushed"
    assert schedule.call().outcome == "nothing_new"


def test_no_span_and_no_pattern_are_told_in_a_line(schedule):
    with pytest.raises(UserError, match=r"no span matches .*span-\{SPAN\}"):
        schedule.call()
    schedule.data = "/data/voc"
    with pytest.raises(UserError, match=r"/data/voc has no \{SPAN\}"):
        schedule.call()
    assert schedule.told == []
    assert not (schedule.root / "retraining.json").exists()


def test_leaving_out_every_span_is_told(schedule):
    schedule.add_span(7)
    with pytest.raises(UserError, match="--leave-out names every span"):
        schedule.call(leave_out=(7,))
