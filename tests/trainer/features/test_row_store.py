import os
import shutil

import numpy as np
import pytest

from trainer.features.row_store import PROGRESS, RowStore, row_bytes

SHAPES = {"P3": ((2, 3), "<f2"), "gt_classes": ((4,), "<i4")}


def rows(first, count):
    numbers = np.arange(first, first + count)
    return [f"image-{n}" for n in numbers], {
        "P3": np.ones((count, 2, 3)) * numbers[:, None, None],
        "gt_classes": np.ones((count, 4)) * numbers[:, None],
    }


def test_bytes_of_a_row():
    assert row_bytes(SHAPES) == 6 * 2 + 4 * 4


def test_rows_come_back_in_their_order(tmp_path):
    store = RowStore(tmp_path / "rows", "a", SHAPES, 5)
    store.append(*rows(0, 3))
    assert not store.is_full()
    store.append(*rows(3, 3))  # one more than there is room for
    assert store.is_full()
    assert store.names == [f"image-{n}" for n in range(5)]
    assert store.arrays["P3"][:, 1, 2].tolist() == [0, 1, 2, 3, 4]
    assert store.arrays["P3"].dtype == np.float16
    assert store.arrays["gt_classes"][4].tolist() == [4] * 4


def test_a_later_run_finds_what_was_flushed(tmp_path):
    first = RowStore(tmp_path, "a", SHAPES, 6)
    first.append(*rows(0, 2))
    first.flush()
    first.append(*rows(2, 2))  # and was killed
    second = RowStore(tmp_path, "a", SHAPES, 6)
    assert second.names == ["image-0", "image-1"]
    second.append(*rows(2, 4))
    second.flush()
    third = RowStore(tmp_path, "a", SHAPES, 6)
    assert third.is_full()
    assert third.arrays["gt_classes"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]


def size_of(path):
    return path.stat().st_size


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / PROGRESS).write_text('{"key": "a", "na'),
        lambda folder: (folder / PROGRESS).write_text("[]"),
        lambda folder: (folder / PROGRESS).unlink(),
        lambda folder: (folder / "P3.npy").unlink(),
        lambda folder: (folder / "P3.npy").write_bytes(b"cut"),
        # within the rows: the header still tells of all of them
        lambda folder: os.truncate(folder / "P3.npy", size_of(folder / "P3.npy") - 1),
        lambda folder: np.save(folder / "P3.npy", np.zeros((3, 2, 4), "<f2")),
    ],
)
def test_what_is_damaged_is_begun_anew(tmp_path, spoil):
    store = RowStore(tmp_path, "a", SHAPES, 3)
    store.append(*rows(0, 2))
    store.flush()
    spoil(tmp_path)
    again = RowStore(tmp_path, "a", SHAPES, 3)
    assert again.names == []
    again.append(*rows(0, 3))
    assert again.arrays["P3"][:, 0, 0].tolist() == [0, 1, 2]


def test_rows_of_another_key_or_number_are_not_taken(tmp_path):
    store = RowStore(tmp_path, "a", SHAPES, 3)
    store.append(*rows(0, 3))
    store.flush()
    assert RowStore(tmp_path, "b", SHAPES, 3).names == []
    store = RowStore(tmp_path, "b", SHAPES, 3)
    store.append(*rows(0, 3))
    store.flush()
    assert RowStore(tmp_path, "b", SHAPES, 4).names == []


def test_room_is_taken_before_the_first_row(tmp_path):
    # A write through a map of a file with holes is a SIGBUS where the disk is full.
    RowStore(tmp_path, "a", {"P3": ((1024,), "<f2")}, 1024)
    file = (tmp_path / "P3.npy").stat()
    assert file.st_size > 2 * 1024 * 1024
    assert file.st_blocks * 512 >= file.st_size


def test_a_disk_without_room_is_told_and_left_alone(tmp_path):
    rows_that_fit = shutil.disk_usage(tmp_path).free // (2 * 1024 * 1024)
    shapes = {"P3": ((1024 * 1024,), "<f2")}
    with pytest.raises(OSError, match=r"MiB.* are needed, .* are free"):
        RowStore(tmp_path / "rows", "a", shapes, rows_that_fit + 1)
    assert list((tmp_path / "rows").iterdir()) == []
