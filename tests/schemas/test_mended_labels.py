"""The record of mended labels, as it is written and as somebody may have left it."""

import pytest

from schemas.mended_labels import DrawnObject, MendedLabel, from_text, to_text

DOG = DrawnObject("dog", (0.0, 4.5, 40.0, 30.0), True)
CAT = DrawnObject('<b>&"猫', (1.0, 2.0, 3.125, 4.0), False)


def test_what_is_written_is_read():
    labels = [MendedLabel(DOG, CAT), MendedLabel(None, DOG), MendedLabel(CAT, None)]
    assert from_text(to_text(labels)) == labels
    assert from_text("[]") == []


def of(side):
    return f'[[null, ["dog", {side}, 0, 9, 9, 0]]]'


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "null", "[[null, null]]", '[["dog"]]', '[[null, ["dog", 0, 0, 9]]]'),
        *("[" * 100_000, "[" * 500 + "]" * 500, of("[" * 100_000)),
        *(of(side) for side in ("NaN", "Infinity", "1e400", "1" * 400, "1" * 5000)),
        *(of(side) for side in ("9.5", "-1", "true", '"1"', "null", "1e300")),
        '[[null, ["dog", 0, 9, 9, 8.9, 0]]]',
        '[[null, ["dog", 0, 0, 9, 1e10, 0]]]',
        '[[null, ["dog", 0, 0, 9, 9, 2]]]',
        '[[null, ["\\ud800", 0, 0, 9, 9, 0]]]',
        "\ud800",
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_somebody_has_damaged_is_one_kind_of_error(text):
    with pytest.raises(ValueError, match="no record of mended labels"):
        from_text(text)
