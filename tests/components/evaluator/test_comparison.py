import math

import pytest

from components.evaluator.comparison import exact, is_number, told_apart


def test_differences_are_those_of_the_written_numbers():
    assert 0.8 - 0.7 > 0.1  # in binary
    assert exact(0.8) - exact(0.7) == exact(0.1)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.5, 0.4), ["0.5000", "0.4000"]),
        ((0.5, 0.5), ["0.5000", "0.5000"]),
        ((0.68279, 0.6828), ["0.68279", "0.68280"]),
        ((0.5, math.nextafter(0.5, 1)), ["0.5000000000000000", "0.5000000000000001"]),
    ],
)
def test_unequal_numbers_look_unequal(values, texts):
    assert told_apart(*values) == texts


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -1.0])
def test_what_was_not_measured_is_no_number(value):
    assert not is_number(value)
