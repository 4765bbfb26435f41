"""Names of classes that are nearly another's."""

import pytest

from components.example_gen.rules.class_names import class_misspelt, class_spelling


@pytest.mark.parametrize(
    "other", ["Traffic Light", "traffic_light", "trafficlight", "traffic-light "]
)
def test_names_equal_but_for_case_and_blanks_are_told_of(other):
    found = list(class_spelling({"traffic light": 30, other: 7, "dog": 3}))
    assert found == [(other, "7 objects, beside 'traffic light' with 30")]


@pytest.mark.parametrize("counts", [{"c++": 1, "c#": 1}, {"cat 1": 5, "cat 2": 5}, {}])
def test_other_names_are_not(counts):
    assert list(class_spelling(counts)) == []


@pytest.mark.parametrize(
    "slip", ["rackoon", "raccon", "raccooon", "raccoonn", "racocon"]
)
def test_one_letter_off_and_a_hundred_times_rarer_is_a_slip(slip):
    # another letter, one less, one more, at the end, in its neighbour's place
    found = list(class_misspelt({"raccoon": 200, slip: 2}))
    assert found == [(slip, "2 objects, beside 'raccoon' with 200")]
    assert list(class_misspelt({"raccoon": 199, slip: 2})) == []


@pytest.mark.parametrize(
    ("rare", "common"),
    [("type1", "type2"), ("dog", "cat"), ("Cat", "cat"), ("a", "bc")],
)
def test_digits_other_words_and_case_are_no_slips(rare, common):
    assert list(class_misspelt({rare: 1, common: 1000})) == []
