"""Names of classes that are nearly another's."""

import pytest

from components.example_gen.rules.class_names import (
    ClassCounts,
    class_misspelt,
    class_spelling,
)


def counted(objects, images=None):
    """Every object in an image of its own, unless it is said otherwise."""
    return ClassCounts(objects, images or objects)


@pytest.mark.parametrize(
    "other", ["Traffic Light", "traffic_light", "trafficlight", "traffic-light "]
)
def test_names_equal_but_for_case_and_blanks_are_told_of(other):
    found = list(class_spelling(counted({"traffic light": 30, other: 7, "dog": 3})))
    assert found == [(other, "7 objects, beside 'traffic light' with 30")]


@pytest.mark.parametrize("counts", [{"c++": 1, "c#": 1}, {"cat 1": 5, "cat 2": 5}, {}])
def test_other_names_are_not(counts):
    assert list(class_spelling(counted(counts))) == []


@pytest.mark.parametrize(
    "slip", ["rackoon", "raccon", "raccooon", "raccoonn", "racocon"]
)
def test_one_letter_off_and_a_hundred_times_rarer_is_a_slip(slip):
    # another letter, one less, one more, at the end, in its neighbour's place
    images = {"raccoon": 9, slip: 2}
    found = list(class_misspelt(counted({"raccoon": 200, slip: 2}, images)))
    assert found == [
        (slip, "2 objects in 2 images, beside 'raccoon' with 200 objects in 9 images")
    ]
    assert list(class_misspelt(counted({"raccoon": 199, slip: 2}, images))) == []


def test_a_slip_in_one_file_is_told_of_however_many_objects_it_names():
    objects = {"raccoon": 100, "rackoon": 60}
    found = list(class_misspelt(counted(objects, {"raccoon": 10, "rackoon": 1})))
    assert [name for name, _ in found] == ["rackoon"]
    assert list(class_misspelt(counted(objects, {"raccoon": 9, "rackoon": 1}))) == []


def test_short_names_that_differ_by_a_letter_are_classes():
    objects = {"cat": 99, "car": 1}
    assert list(class_misspelt(counted(objects))) == []


@pytest.mark.parametrize(
    ("rare", "common"),
    [("type1", "type2"), ("dog", "cat"), ("Cat", "cat"), ("a", "bc")],
)
def test_digits_other_words_and_case_are_no_slips(rare, common):
    assert list(class_misspelt(counted({rare: 1, common: 1000}))) == []
