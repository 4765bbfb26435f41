import io
import logging

import pytest

from trainer.training.callbacks.show_progress import ShowProgress, fitting

LINE = (
    "step 294/294 | epoch 14.0 | 4.26 steps/s | ETA 0:00 | loss 0.477 | "
    "mAP 0.683 AP50 0.976"
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(state, stream, steps, seconds_per_step):
    clock = Clock()
    progress = ShowProgress(state, stream, clock)
    progress.on_train_begin()
    for step in range(steps):
        progress.on_train_batch_begin(step)
        clock.now += seconds_per_step
        state.step += 1
        progress.on_train_batch_end(step, {"loss": 1.5})
    return progress


def test_a_terminal_has_one_line_that_is_renewed_in_place(state, summary):
    stream = Terminal()
    progress = run(state, stream, steps=5, seconds_per_step=2.0)
    state.summary, state.evaluated_at = summary, 5
    progress.on_epoch_end(0, {"loss": 1.25})
    shown = stream.getvalue()
    assert shown.count("\r\x1b[K") == 6
    assert "\n" not in shown
    # 15 steps of 2 s are left
    assert shown.endswith(
        "step 5/20 | 0.50 steps/s | ETA 0:30 | loss 1.250 | mAP 0.250 AP50 0.500"
    )
    progress.on_train_end()
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (120, LINE),
        (len(LINE), LINE.replace("epoch 14.0 | ", "")),
        (55, "step 294/294 | ETA 0:00 | mAP 0.683 AP50 0.976"),
        (40, "step 294/294 | mAP 0.683 AP50 0.976"),
        (12, "step 294/29"),
    ],
)
def test_a_line_leaves_out_the_least_that_makes_it_fit(columns, expected):
    assert fitting(LINE, columns) == expected
    assert len(fitting(LINE, columns)) < columns


def test_without_a_terminal_plain_lines_come_every_half_minute(state, caplog):
    stream = io.StringIO()
    with caplog.at_level(logging.INFO):
        run(state, stream, steps=12, seconds_per_step=6.0)
    assert stream.getvalue() == ""
    lines = [record.message for record in caplog.records]
    assert [line.split(" | ")[0] for line in lines] == ["step 5/20", "step 10/20"]
    assert "\r" not in "".join(lines)


def test_the_compilation_of_the_first_step_is_not_in_the_time_left(state):
    clock = Clock()
    progress = ShowProgress(state, Terminal(), clock)
    progress.on_train_begin()
    for seconds in (100.0, 1.0, 1.0):
        progress.on_train_batch_begin(0)
        clock.now += seconds
        state.step += 1
        progress.on_train_batch_end(0, {"loss": 1.0})
    assert "ETA 0:17" in progress.line(1.0)


def test_hours_are_shown_as_hours(state):
    state.train_steps = 10_000
    progress = run(state, Terminal(), steps=3, seconds_per_step=2.0)
    assert "ETA 5:33:14" in progress.line(1.0)  # 9997 steps of 2 s
