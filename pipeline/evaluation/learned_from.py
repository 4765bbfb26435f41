"""Whether a version is asked about images that it has learned from."""

import glob

from apache_beam.io.filesystems import FileSystems

from components.baseline import folders
from components.example_gen.shards.tfrecord import read_records
from pipeline.evaluation.examples import Examples
from schemas import example_wire, tf_example
from trainer.input.records import IMAGE_DIGITS

_FILE = "assets.extra/learned_from.txt"  # trainer.run_fn writes it


def images_learned_from(model: str, examples: Examples) -> tuple[int, int]:
    """How many of the images the version learned from, and how many there are.

    (0, 0) where it does not say. An image is known by its file's bytes.
    """
    path = folders.inside(model, _FILE)
    if not FileSystems.exists(path):
        return 0, 0
    with FileSystems.open(path) as file:
        learned = set(file.read().split())
    seen = total = 0
    for name in glob.glob(examples.file_pattern):
        for record in read_records(name):
            (sha256,) = example_wire.decode(record)[tf_example.SHA256]
            seen += bytes(sha256)[:IMAGE_DIGITS] in learned
            total += 1
    return seen, total


def warning(model: str, seen: int, total: int) -> str:
    """A line about it; "" where there is nothing to warn of."""
    if not seen:
        return ""
    return (
        f"{model} learned from {seen} of these {total} images: it knows their labels, "
        "and its numbers there say little about new ones\n"
    )
