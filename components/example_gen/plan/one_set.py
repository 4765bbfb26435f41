"""One image set, or the folders of one split, instead of the whole data set."""

from collections.abc import Iterable, Sequence

from components.example_gen.source.item import Item
from components.example_gen.source.layouts import Group
from components.example_gen.source.split_words import TRAINVAL, split_named
from schemas.user_error import UserError


def restrict_sets(groups: Sequence[Group], image_set: str) -> bool:
    """Makes a list the only one of its data set; whether there is one of that name.

    Data sets without that list are left without annotations.
    """
    if not any(image_set in group.sets for group in groups):
        return False
    for group in groups:
        entry = group.sets.get(image_set)
        # Under a name that stands for no single split, whatever it is called.
        group.sets = {} if entry is None else {TRAINVAL: entry}
        if entry is None:
            group.annotations.clear()
            group.folders.clear()
    return True


def only_split(items: Iterable[Item], name: str, groups: Sequence[Group]) -> list[Item]:
    """The items of the split that a name stands for; UserError where there are none."""
    wanted = split_named(name)
    splits = {"train", "eval"} if wanted == TRAINVAL else {wanted} - {""}
    chosen, there = [], set()
    for item in items:
        there.add(item.split)
        if item.split in splits:
            chosen.append(item)
    if not chosen:
        lists = sorted({stem for group in groups for stem in group.sets})
        folders = sorted(there - {""})
        raise UserError(
            f"no image set {name}.txt and no folder of a split {name!r}; there are "
            f"the lists {', '.join(lists) or 'none'} and the splits "
            f"{', '.join(folders) or 'none'}"
        )
    return chosen
