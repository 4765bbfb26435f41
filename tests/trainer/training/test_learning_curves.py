import io

from PIL import Image

from trainer.training.learning_curves import draw_curves, history_csv

ROWS = [
    {"step": 3.0, "epoch": 1.0, "loss": 4.0, "learning_rate": 0.001},
    {"step": 6.0, "epoch": 2.0, "loss": 2.0, "learning_rate": 0.002, "mAP": 0.5},
]


def curves(history):
    """Label -> points, of all panels."""
    panels = draw_curves(history).axes
    return {
        line.get_label(): line.get_xydata().tolist()
        for axes in panels
        for line in axes.lines
    }


def test_the_table_leaves_empty_what_was_not_measured():
    lines = history_csv(ROWS).splitlines()
    assert lines[1] == "3,1,4,,,0.001,,,"
    assert lines[2] == "6,2,2,,,0.002,0.5,,"


def test_curves_go_through_their_values_and_name_the_last():
    found = curves(ROWS)
    assert found["loss 2"] == [[1, 4], [2, 2]]
    assert found["learning_rate 0.002"] == [[1, 0.001], [2, 0.002]]
    assert found["mAP 0.5"] == [[2, 0.5]]
    assert found["AP50"] == []
    losses, rates, metrics = draw_curves(ROWS).axes
    assert losses.get_ylim()[0] == rates.get_ylim()[0] == 0
    assert metrics.get_ylim() == (0, 1)


def test_a_training_without_rows_still_gives_a_picture():
    encoded = io.BytesIO()
    draw_curves([]).savefig(encoded, format="png")
    with Image.open(encoded) as picture:
        assert picture.format == "PNG"


def test_what_cannot_be_found_is_not_drawn_as_minus_one():
    assert curves([{**ROWS[0], "mAP": -1.0}])["mAP"] == []
