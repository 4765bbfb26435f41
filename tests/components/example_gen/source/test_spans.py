import pytest

from components.example_gen.source.spans import resolve
from schemas.user_error import UserError


@pytest.fixture
def spans(tmp_path):
    for name in ("span-3", "span-10", "span-x", "other-99"):
        (tmp_path / name).mkdir()
    return str(tmp_path / "span-{SPAN}")


def test_a_span_is_found_by_number(spans):
    assert resolve(spans, "3").root.endswith("span-3")
    assert resolve(spans, 3).span == 3


@pytest.mark.parametrize("span", ["latest", "", None])
def test_the_latest_span_is_the_highest_number(spans, span):
    assert resolve(spans, span).span == 10


def test_a_missing_span_is_an_error_never_another_one(spans):
    with pytest.raises(UserError, match=r"has no span 7; there are: 3, 10"):
        resolve(spans, 7)


def test_leading_zeros_and_a_folder_below_the_number(tmp_path):
    (tmp_path / "007/VOC").mkdir(parents=True)
    found = resolve(str(tmp_path / "{SPAN}" / "VOC"), 7)
    assert found.root == str(tmp_path / "007/VOC")


def test_one_number_in_two_paths_is_not_guessed_at(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "07").mkdir()
    with pytest.raises(UserError, match="span 7 is there twice"):
        resolve(str(tmp_path / "{SPAN}"), 7)


def test_no_span_at_all(tmp_path):
    with pytest.raises(UserError, match="no span matches"):
        resolve(str(tmp_path / "span-{SPAN}"), 1)


@pytest.mark.parametrize("span", ["seven", "-1", "1.5"])
def test_a_span_is_a_number(spans, span):
    with pytest.raises(UserError, match="a span is a number or 'latest'"):
        resolve(spans, span)


def test_without_a_placeholder_the_path_is_the_data(tmp_path):
    assert resolve(str(tmp_path)) == (str(tmp_path), 0)


@pytest.mark.parametrize("span", [7, "7"])
def test_a_span_of_data_without_a_placeholder_is_refused(tmp_path, span):
    with pytest.raises(
        UserError, match=r"has no \{SPAN\}: write that where the number"
    ):
        resolve(str(tmp_path), span)
    assert resolve(str(tmp_path), "latest") == (str(tmp_path), 0)


@pytest.mark.parametrize("data", ["", "  "])
def test_no_path_is_told(data):
    with pytest.raises(UserError, match="no data set given"):
        resolve(data)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="no such data set"):
        resolve(str(tmp_path / "nothing"))


def test_a_file_that_is_no_tar_is_told(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="is a file"):
        resolve(str(tmp_path / "x.jpg"))


def test_a_compressed_tar_is_refused_with_advice(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"make a plain \.tar"):
        resolve(str(tmp_path / "x.tar.gz"))


def test_an_unknown_scheme_is_told_with_the_known_ones():
    with pytest.raises(UserError, match=r"data set gcs://b/voc: nothing here reads gc"):
        resolve("gcs://b/voc")
