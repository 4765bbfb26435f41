"""Fingerprints of what each shard wrote, on disk until the images are compared."""

import json
import os
from collections.abc import Iterable

from components.example_gen.rules.near_copies import Seen
from components.example_gen.shards import tfrecord
from components.example_gen.source import storage


def write_marks(staging: str, index: int, images: Iterable[Seen]) -> None:
    """Writes a shard's images, one line of JSON each."""
    lines = [json.dumps([*image[:3], image.mark.hex()]) for image in images]
    path = _path(staging, index)
    tfrecord.make_directory(os.path.dirname(path))
    with tfrecord.open_write(f"{path}.partial") as file:
        file.write("".join(f"{line}\n" for line in lines).encode("ascii"))
    tfrecord.rename(f"{path}.partial", path)


def read_marks(staging: str, shard_count: int) -> list[Seen]:
    """The images of all shards."""
    images = []
    for index in range(shard_count):
        with storage.open_read(_path(staging, index)) as file:
            for line in file.read().splitlines():
                split, image_id, sha256, mark = json.loads(line)
                images.append(Seen(split, image_id, sha256, bytes.fromhex(mark)))
    return images


def _path(staging: str, index: int) -> str:
    return f"{staging}/marks/{index:05d}.jsonl"
