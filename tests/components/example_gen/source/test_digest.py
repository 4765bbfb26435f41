import os
import shutil
import tarfile
import tracemalloc

import pytest

from components.example_gen.source import digest as module
from components.example_gen.source.digest import data_digest, unchanged
from schemas.user_error import UserError


@pytest.fixture
def home(data_set, voc_xml):
    return data_set({"a": voc_xml(), "b": voc_xml()}, sets={"train": "a", "val": "b"})


def test_a_copy_of_the_data_has_the_same_digest(home, tmp_path):
    shutil.copytree(home, tmp_path / "copy")
    assert data_digest(str(home)) == data_digest(str(tmp_path / "copy"))


@pytest.mark.parametrize(
    "name", ["Annotations/a.xml", "JPEGImages/b.jpg", "ImageSets/Main/val.txt"]
)
def test_one_changed_byte_changes_it_even_with_size_and_time_kept(home, name):
    before = data_digest(str(home))
    path = home / name
    times = path.stat()
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert data_digest(str(home)) != before


def test_a_store_that_lists_no_times_is_digested_by_content(home, other_store):
    before = data_digest(other_store(home))
    xml = home / "Annotations/a.xml"
    xml.write_bytes(xml.read_bytes().replace(b"11", b"12"))
    assert data_digest(other_store(home)) != before


def test_adding_removing_and_renaming_change_it(home, voc_xml):
    seen = {data_digest(str(home))}
    (home / "Annotations/c.xml").write_bytes(voc_xml())
    seen.add(data_digest(str(home)))
    (home / "Annotations/c.xml").rename(home / "Annotations/d.xml")
    seen.add(data_digest(str(home)))
    (home / "JPEGImages/a.jpg").unlink()
    seen.add(data_digest(str(home)))
    assert len(seen) == 4


def test_other_files_do_not_matter(home):
    before = data_digest(str(home))
    (home / "report.html").write_text("x")
    assert data_digest(str(home)) == before


def test_above_the_limit_images_count_by_size_and_time(home, monkeypatch):
    monkeypatch.setattr(module, "CONTENT_LIMIT_BYTES", 1000)
    before = data_digest(str(home))
    path = home / "JPEGImages/a.jpg"
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    touched = data_digest(str(home))
    assert touched != before
    xml = home / "Annotations/a.xml"
    times = xml.stat()
    xml.write_bytes(xml.read_bytes().replace(b"11", b"12"))
    os.utime(xml, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert data_digest(str(home)) != touched  # annotations still count by content


def test_a_tar_is_digested_by_its_members(home, tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(home, ".")
    before = data_digest(str(tmp_path / "x.tar"))
    (home / "Annotations/a.xml").write_bytes(b"changed")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(home, ".")
    assert data_digest(str(tmp_path / "x.tar")) != before


def test_data_left_alone_pass(home):
    with unchanged(str(home), None, data_digest(str(home))):
        (home / "notes.html").write_text("no part of the data")


def test_data_changed_since_the_digest_are_refused_before_they_are_read(home, voc_xml):
    digest = data_digest(str(home))
    (home / "Annotations/c.xml").write_bytes(voc_xml())
    with (
        pytest.raises(UserError, match="has changed since the run began"),
        unchanged(str(home), None, digest),
    ):
        pytest.fail("it was read")


def edit_and_put_back(path):
    """The same bytes, size and time of modification as before."""
    raw, times = path.read_bytes(), path.stat()
    path.write_bytes(raw.replace(b"dog", b"cat"))
    path.write_bytes(raw)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_data_edited_and_put_back_while_they_are_read_are_refused(home):
    digest = data_digest(str(home))
    with (
        pytest.raises(UserError, match=r"1 files, the first is Annotations/b\.xml"),
        unchanged(str(home), None, digest),
    ):
        edit_and_put_back(home / "Annotations/b.xml")
    assert data_digest(str(home)) == digest


def test_a_tar_replaced_while_it_is_read_is_refused(home, tmp_path):
    path = tmp_path / "set.tar"
    for _ in range(2):
        with tarfile.open(path, "w") as archive:
            archive.add(home, "VOC")
    with (
        pytest.raises(UserError, match="changed while it was read"),
        unchanged(str(path), None, ""),
    ):
        edit_and_put_back(path)


def test_the_check_keeps_50_bytes_of_a_picture(tmp_path):
    """Of a picture and its annotation, while they are listed once more."""
    pictures = 2000
    for number in range(pictures):
        for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            path = tmp_path / folder / f"2008_{number:06d}.{suffix}"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    tracemalloc.start()
    try:
        with unchanged(str(tmp_path), None, ""):
            held, _ = tracemalloc.get_traced_memory()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / pictures < 50
    assert peak / pictures < 350
