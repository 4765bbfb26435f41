import collections
import shutil

import pytest

from components.baseline import destination as destinations
from schemas.user_error import UserError

Usage = collections.namedtuple("Usage", "total used free")


def test_a_folder_that_does_not_exist_yet_is_made(tmp_path):
    destinations.require_pushable(str(tmp_path / "a" / "served"))

    assert list((tmp_path / "a" / "served").iterdir()) == []


@pytest.mark.parametrize("folder", ["/proc/1/served", "/proc/version/served"])
def test_a_folder_that_cannot_be_written_is_refused_in_a_line(folder):
    with pytest.raises(UserError, match=f"--push-destination {folder} cannot be"):
        destinations.require_pushable(folder)


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "served").symlink_to("/proc/1/nowhere")

    with pytest.raises(UserError, match="cannot be written"):
        destinations.require_pushable(str(tmp_path / "served"))


def test_a_full_disk_is_refused_with_what_is_free_and_needed(tmp_path, monkeypatch):
    usage = Usage(2**40, 2**40 - 2**20, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)

    with pytest.raises(UserError, match="1 MiB are free on its disk, and 256 MiB"):
        destinations.require_pushable(str(tmp_path))


def test_a_damaged_record_is_found_before_the_run(tmp_path):
    extra = tmp_path / "7" / "assets.extra"
    extra.mkdir(parents=True)
    (tmp_path / "7" / "saved_model.pb").touch()
    (extra / "push.json").write_text("{")

    with pytest.raises(UserError, match=r"push\.json is damaged"):
        destinations.require_pushable(str(tmp_path))
