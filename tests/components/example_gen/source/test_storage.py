"""What is listed of a tar is what `tar x` leaves on disk."""

import io
import subprocess
import tarfile

import pytest

from components.example_gen.source import storage


@pytest.fixture
def archive(tmp_path):
    """A tar of (name, content) or (name, kind, target) in their order."""

    def write(*members):
        path = tmp_path / "data.tar"
        with tarfile.open(path, "w") as tar:
            for name, *rest in members:
                info = tarfile.TarInfo(name)
                if len(rest) == 1:
                    info.size = len(rest[0])
                    tar.addfile(info, io.BytesIO(rest[0]))
                else:
                    info.type, info.linkname = rest
                    tar.addfile(info)
        return path

    return write


def listed(path):
    entries = storage.list_files(str(path))
    return {entry.name: storage.read_bytes(entry, 1 << 20) for entry in entries}


def unpacked(path, folder):
    """By GNU tar."""
    folder.mkdir()
    subprocess.run(["tar", "xf", path, "-C", folder], check=True)
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_of_a_member_that_is_there_twice_the_last_counts(archive, tmp_path):
    path = archive(("a.xml", b"old"), ("b.xml", b"b"), ("./a.xml", b"new"))
    assert listed(path) == {"a.xml": b"new", "b.xml": b"b"}
    assert listed(path) == unpacked(path, tmp_path / "x")


def test_links_lead_to_the_members_they_name(archive, tmp_path):
    path = archive(
        ("d/a.jpg", b"picture"),
        ("d/hard.jpg", tarfile.LNKTYPE, "d/a.jpg"),
        ("e/soft.jpg", tarfile.SYMTYPE, "../d/a.jpg"),
        ("e/dangling.jpg", tarfile.SYMTYPE, "../d/nowhere.jpg"),
    )
    assert set(listed(path)) == {"d/a.jpg", "d/hard.jpg", "e/soft.jpg"}
    assert listed(path) == unpacked(path, tmp_path / "x")
