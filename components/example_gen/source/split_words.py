"""Which split a list or a folder stands for, by the words in its name."""

import functools
import re

# The words by which data sets in the wild call the splits that TFX knows as these.
SPLIT_OF_WORD = {
    "train": "train",
    "training": "train",
    "val": "eval",
    "valid": "eval",
    "validation": "eval",
    "eval": "eval",
    "evaluation": "eval",
    "test": "test",
    "testing": "test",
}
TRAINVAL = "trainval"  # train and eval together: which is which, nobody has said
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


def exact_split(name: str) -> str:
    """Split of a name that is one of the words and nothing else; "" otherwise."""
    return TRAINVAL if name.lower() == TRAINVAL else SPLIT_OF_WORD.get(name.lower(), "")


def words_of(name: str) -> set[str]:
    """The whole words of a name, in lower case: `01_train`, `trainData` hold train."""
    return {word.lower() for word in _WORD.findall(name)}


def split_words(name: str) -> set[str]:
    """Every split that a whole word of the name stands for."""
    words = words_of(name)
    found = {SPLIT_OF_WORD[word] for word in words if word in SPLIT_OF_WORD}
    return found | ({"train", "eval"} if TRAINVAL in words else set())


@functools.lru_cache(4096)
def split_named(name: str) -> str:
    """The one split (or trainval) that a name's words stand for; "" where unclear."""
    found = split_words(name)
    if found == {"train", "eval"}:
        return TRAINVAL
    return next(iter(found)) if len(found) == 1 else ""
