import numpy as np

from trainer.training.learning_curves import draw_curves, history_csv

ROWS = [
    {"step": 3.0, "epoch": 1.0, "loss": 4.0, "learning_rate": 0.001},
    {"step": 6.0, "epoch": 2.0, "loss": 2.0, "learning_rate": 0.002, "mAP": 0.5},
]
BLACK = (0x22, 0x22, 0x22)


def test_the_table_leaves_empty_what_was_not_measured():
    lines = history_csv(ROWS).splitlines()
    assert lines[1] == "3,1,4,,,0.001,,,"
    assert lines[2] == "6,2,2,,,0.002,0.5,,"


def test_curves_go_through_their_values():
    picture = np.asarray(draw_curves(ROWS)).astype(int)
    # panels are 220 high with axes from 24 to 192 and from 70 to 780, two epochs long
    assert tuple(picture[24, 70 + 355]) == BLACK  # loss 4 of 4
    assert tuple(picture[24 + 84, 779]) == BLACK  # loss 2 of 4
    assert tuple(picture[440 + 24 + 84, 779]) == BLACK  # mAP .5 of 1


def test_a_training_without_rows_still_gives_a_picture():
    assert draw_curves([]).size == (800, 660)


def test_what_cannot_be_found_is_not_drawn_as_minus_one():
    undefined = [{**ROWS[0], "mAP": -1.0}]
    np.testing.assert_array_equal(
        np.asarray(draw_curves(undefined)), np.asarray(draw_curves(ROWS[:1]))
    )
