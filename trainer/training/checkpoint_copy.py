"""A training's checkpoints in a store as well: what is left of a lost machine."""

from pathlib import Path

import tensorflow as tf

_LAST_WRITTEN = "progress.json"  # a checkpoint without it is not whole


def is_in_store(directory: str) -> bool:
    """Whether a folder can only be copied to and from, such as gs://."""
    return "://" in directory


class CheckpointCopy:
    """Checkpoints of one training under a URI, through TensorFlow's file systems.

    A store renames nothing at once, so a checkpoint is whole there as long as its
    `progress.json` is: that is written last and goes first.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def fetch(self, directory: Path) -> None:
        """Copies every whole checkpoint into a local folder."""
        for path in tf.io.gfile.glob(f"{self.uri}/*/{_LAST_WRITTEN}"):
            source = path.removesuffix(f"/{_LAST_WRITTEN}")
            folder = directory / source.rpartition("/")[2]
            folder.mkdir(parents=True, exist_ok=True)
            for name in tf.io.gfile.listdir(source):
                tf.io.gfile.copy(f"{source}/{name}", str(folder / name), overwrite=True)

    def put(self, folder: Path) -> None:
        """Copies one checkpoint there, whole or not at all."""
        target = f"{self.uri}/{folder.name}"
        self.forget(folder.name)
        tf.io.gfile.makedirs(target)
        files = sorted(folder.iterdir(), key=lambda path: path.name == _LAST_WRITTEN)
        for file in files:
            tf.io.gfile.copy(str(file), f"{target}/{file.name}", overwrite=True)

    def forget(self, name: str) -> None:
        """Removes one checkpoint there; nothing where there is none."""
        folder = f"{self.uri}/{name}"
        if tf.io.gfile.exists(f"{folder}/{_LAST_WRITTEN}"):
            tf.io.gfile.remove(f"{folder}/{_LAST_WRITTEN}")
        if tf.io.gfile.exists(folder):
            tf.io.gfile.rmtree(folder)
