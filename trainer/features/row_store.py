"""Rows of arrays on the disk, written from the first to the last, across runs."""

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

PROGRESS = "progress.json"
# Left free on the disk, for checkpoints and the export.
SPARE_BYTES = 2**30

Shapes = Mapping[str, tuple[tuple[int, ...], str]]


def row_bytes(shapes: Shapes) -> int:
    """Bytes of one row of these arrays."""
    return sum(
        int(np.prod(shape)) * np.dtype(dtype).itemsize
        for shape, dtype in shapes.values()
    )


class RowStore:
    """`num_rows` rows of named arrays in a local directory, each row with a name.

    `shapes` gives shape and dtype of a row by array. Rows that lie in the directory
    already are taken over if they were made for the same `key`, number and shapes, and
    all files are whole; anything else there is removed.

    The disk's room for all rows is taken at once. OSError: it has not so much, and
    SPARE_BYTES.
    """

    def __init__(
        self, directory: str | Path, key: str, shapes: Shapes, num_rows: int
    ) -> None:
        self._directory = Path(directory)
        self._key = json.dumps([key, num_rows, {n: list(s) for n, s in shapes.items()}])
        self._shapes = shapes
        self.num_rows = num_rows
        self.names = self._names_before()
        try:
            self.arrays = self._open("r+" if self.names else "w+")
        except (OSError, ValueError):  # one is gone or cut off
            self.names = []
            self.arrays = self._open("w+")

    def _open(self, mode: Literal["r+", "w+"]) -> dict[str, NDArray[Any]]:
        if mode == "w+":
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(parents=True)
            self._require_room()
        else:
            self._require_whole()
        arrays = {
            name: open_memmap(  # type: ignore[no-untyped-call]
                self._directory / f"{name}.npy",
                mode=mode,
                dtype=np.dtype(dtype),
                shape=(self.num_rows, *shape),
            )
            for name, (shape, dtype) in self._shapes.items()
        }
        # A full disk is an error here; at a write through the map it would be a SIGBUS.
        for name in arrays:
            with (self._directory / f"{name}.npy").open("r+b") as file:
                size = os.fstat(file.fileno()).st_size
                os.posix_fallocate(file.fileno(), 0, size)
        return arrays

    def _require_whole(self) -> None:
        # mapped for writing, a file that was cut off would be made longer, by zeros
        for name, (shape, dtype) in self._shapes.items():
            array = open_memmap(self._directory / f"{name}.npy", mode="r")  # type: ignore[no-untyped-call]
            if (array.shape, array.dtype) != ((self.num_rows, *shape), np.dtype(dtype)):
                raise ValueError(f"{name}.npy holds other rows")

    def _require_room(self) -> None:
        needed = self.num_rows * row_bytes(self._shapes) + SPARE_BYTES
        free = shutil.disk_usage(self._directory).free
        if free < needed:
            needed_mib, free_mib = needed >> 20, free >> 20
            raise OSError(
                errno.ENOSPC,
                f"{needed_mib} MiB with some to spare are needed, {free_mib} are free",
                str(self._directory),
            )

    def append(self, names: Sequence[str], rows: Mapping[str, NDArray[Any]]) -> None:
        """The next rows; what is more than the store holds is left out."""
        first = len(self.names)
        count = min(len(names), self.num_rows - first)
        for name, array in self.arrays.items():
            array[first : first + count] = rows[name][:count]
        self.names += names[:count]

    def is_full(self) -> bool:
        """Whether all rows are there."""
        return len(self.names) == self.num_rows

    def flush(self) -> None:
        """From here on, the rows so far outlive a kill."""
        for array in self.arrays.values():
            array.flush()  # type: ignore[attr-defined]
        beside = self._directory / f"{PROGRESS}.new"
        beside.write_text(json.dumps({"key": self._key, "names": self.names}))
        os.replace(beside, self._directory / PROGRESS)

    def _names_before(self) -> list[str]:
        try:
            progress = json.loads((self._directory / PROGRESS).read_text())
            key, names = progress["key"], progress["names"]
        except (OSError, ValueError, TypeError, KeyError):
            return []
        return list(names) if key == self._key else []
