"""What a line of a list means, and which split a name stands for."""

import unicodedata

import pytest

from components.example_gen.source.names import NameIndex, last_part, name_in
from components.example_gen.source.split_words import split_named

KNOWN = NameIndex(["a0", "img 1", "day 2/b", "v1.2", "Caf\u00e9"])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('"/Users/u/my data/a0.jpg"', "a0"),
        ("'a0'", "a0"),
        ("C:\\Users\\u\\images\\a0.JPG", "a0"),
        ("JPEGImages\\a0.jpg", "a0"),
        ("images/a0.jpg annotations/a0.xml", "a0"),
        ("images/a0.jpg\tannotations/a0.xml", "a0"),
        ("a0.jpg,annotations/a0.xml", "a0"),
        ('"images/img 1.jpg" "annotations/img 1.xml"', "img 1"),
        ("a0.xml", "a0"),
        ("img 1", "img 1"),
        ("img 1.jpg", "img 1"),
        ("img 1  -1", "img 1"),
        ("/mnt/x/day 2/b.png", "day 2/b"),
        ("v1.2", "v1.2"),
        ("v1.2.png", "v1.2"),
        ("A0.JPG", "a0"),
        (unicodedata.normalize("NFD", "Caf\u00e9"), "Caf\u00e9"),
    ],
)
def test_a_line_names_what_is_there(line, name):
    assert name_in(line, KNOWN) == name


def test_a_name_with_a_blank_is_not_its_first_word():
    known = NameIndex(["img", "other"])
    assert name_in("img 3", known) == "img 3"


def test_names_alike_but_for_case_are_found_only_where_unique():
    known = NameIndex(["Aa", "aA", "Bb"])
    assert name_in("bb", known) == "Bb"
    assert name_in("aa", known) == "aa"
    assert "aa" not in known


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("a.jpg", "a.jpg"),
        ("/x/a.jpg", "a.jpg"),
        ("C:\\x\\a.jpg", "a.jpg"),
        ("..", ".."),
    ],
)
def test_the_last_part_of_a_path_of_any_system(path, part):
    assert last_part(path) == part


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("train_data", "train"),
        ("training data", "train"),
        ("train2017", "train"),
        ("01_train", "train"),
        ("trainImages", "train"),
        ("VOC2012-val", "eval"),
        ("Validation Set", "eval"),
        ("test.v2", "test"),
        ("trainval2007", "trainval"),
        ("train_val", "trainval"),
        ("train_test", ""),
        ("retrained", ""),
        ("strain", ""),
        ("valley", ""),
        ("contest", ""),
    ],
)
def test_whole_words_of_a_name_say_the_split(name, split):
    assert split_named(name) == split
