"""Fingerprints of what each shard wrote, on disk until the images are compared."""

import json
from collections.abc import Iterable

from components.example_gen.rules.near_copies import Seen
from components.example_gen.source import storage


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
