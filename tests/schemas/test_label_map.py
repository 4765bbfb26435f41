from pathlib import Path

import pytest

import schemas
from schemas.label_map import LabelMap
from schemas.user_error import UserError


def test_ids_are_positions_and_names_come_back():
    labels = LabelMap(("dog", "cat"))
    assert [labels.id_of("dog"), labels.id_of("cat")] == [0, 1]
    assert labels.name_of(1) == "cat"
    assert "cat" in labels
    assert "emu" not in labels


def test_an_unknown_name_raises_naming_it_and_the_known_ones():
    with pytest.raises(UserError, match=r"'emu' is not in the label map.*dog, cat"):
        LabelMap(("dog", "cat")).id_of("emu")


@pytest.mark.parametrize("class_id", [-1, 2])
def test_padding_and_ids_beyond_the_map_have_no_name(class_id):
    with pytest.raises(ValueError, match=r"is not in 0\.\.1"):
        LabelMap(("dog", "cat")).name_of(class_id)


def test_a_file_comes_back_as_it_was_written(tmp_path):
    labels = LabelMap(("traffic light", "caf\u00e9"))
    labels.to_file(tmp_path / "labels.txt")
    assert LabelMap.from_file(tmp_path / "labels.txt") == labels


def test_bom_crlf_and_blank_lines_do_not_count(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfdog \r\n\r\ncat\r\n")
    assert LabelMap.from_file(tmp_path / "labels.txt").names == ("dog", "cat")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"dog\ndog\n", "names each class once"),
        (b"\xff\xfe", "read"),
    ],
)
def test_a_bad_file_is_the_users_to_mend(tmp_path, raw, message):
    (tmp_path / "labels.txt").write_bytes(raw)
    with pytest.raises(UserError, match=message):
        LabelMap.from_file(tmp_path / "labels.txt")


def test_the_voc_classes_are_the_twenty_in_order():
    path = Path(schemas.__file__).parent / "label_maps" / "voc.txt"
    names = LabelMap.from_file(path).names
    assert len(names) == 20
    assert (names[0], names[14], names[19]) == ("aeroplane", "person", "tvmonitor")
    assert list(names) == sorted(names)
