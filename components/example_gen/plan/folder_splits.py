"""Splits from the names of folders: train/, test_data/, 01_valid/."""

from collections.abc import Iterable

from components.example_gen.source.pair import Pair
from components.example_gen.source.split_words import (
    TRAINVAL,
    exact_split,
    split_named,
    split_words,
)


class FolderSplits:
    """What the folders of a whole data set say.

    A folder that is called `train` counts always. One whose name only holds the word
    counts where such names tell at least two splits apart: `crash test/` alone says
    nothing about splits.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        folders = {folder for pair in pairs for folder in _folders(pair)}
        named = {part for folder in folders for part in folder.split("/")}
        told = {split for name in named if (split := split_named(name))}
        self._several = len(told) > 1
        self.seen = frozenset(name for name in named if split_words(name))

    def split_of(self, pair: Pair) -> tuple[str, str]:
        """The split that a pair's folders name, and which of them; "" where none."""
        for folder in _folders(pair):
            for part in reversed(folder.split("/")):
                split = split_named(part)
                if split and (self._several or exact_split(part)):
                    return "" if split == TRAINVAL else split, part
        return "", ""


def _folders(pair: Pair) -> list[str]:
    """Folder of the annotation, then that of the image."""
    entries = (pair.annotation, pair.image)
    return [entry.name.rpartition("/")[0] for entry in entries if entry is not None]
