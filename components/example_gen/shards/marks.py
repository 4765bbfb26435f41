"""Fingerprints of what each shard wrote, on disk until the images are compared."""

import json
from array import array
from collections.abc import Iterable, Sequence
from typing import overload

from components.example_gen.rules.near_copies import Seen
from components.example_gen.source import storage

_MARK_BYTES = 16


def marks_to_bytes(images: Iterable[Seen]) -> bytes:
    """A shard's images, one line of JSON each."""
    lines = [json.dumps([*image[:3], image.mark.hex()]) for image in images]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def read_marks(path: str) -> list[Seen]:
    """The images of one shard."""
    images = []
    with storage.open_read(path) as file:
        for line in file.read().splitlines():
            split, image_id, sha256, mark = json.loads(line)
            images.append(Seen(split, image_id, sha256, bytes.fromhex(mark)))
    return images


class PackedImages(Sequence[Seen]):
    """The images of one split in 57 bytes each and their ids; a `Seen` takes 450."""

    def __init__(self, split: str) -> None:
        self._split = split
        self._ids, self._ends = bytearray(), array("Q", [0])
        self._hashes, self._marks = bytearray(), bytearray()
        self._marked = bytearray()

    def append(self, image: Seen) -> None:
        """Adds an image of the split; its `mark` is 16 bytes or none."""
        self._ids += image.image_id.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._ids))
        self._hashes += bytes.fromhex(image.sha256)
        self._marked.append(bool(image.mark))
        self._marks += image.mark or bytes(_MARK_BYTES)

    def __len__(self) -> int:
        return len(self._marked)

    @overload
    def __getitem__(self, position: int) -> Seen: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Seen]: ...
    def __getitem__(self, position: int | slice) -> Seen | Sequence[Seen]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        if not 0 <= position < len(self):
            raise IndexError(position)
        name = self._ids[self._ends[position] : self._ends[position + 1]]
        sha256 = self._hashes[position * 32 : position * 32 + 32]
        mark = self._marks[position * _MARK_BYTES : (position + 1) * _MARK_BYTES]
        return Seen(
            self._split,
            name.decode("utf-8", "surrogateescape"),
            sha256.hex(),
            bytes(mark) if self._marked[position] else b"",
        )
