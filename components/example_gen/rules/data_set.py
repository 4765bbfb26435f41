"""Rules on the data set as a whole."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from components.example_gen.source.image_sets import ImageSets
from components.example_gen.source.layouts import Group


def unlisted(sets: ImageSets, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """It is there and no image set lists it; not ingested, not counted as in."""
    if not sets.splits:
        return
    listed = {name for split in sets.splits.values() for name in split}
    for image_id, key in names.items():
        stem = key.rpartition("/")[2]
        if not listed & {image_id, key, stem}:
            yield image_id, "in no image set"


def listed_twice(
    sets: ImageSets, names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """One image set lists it more than once; taken once."""
    for name, count in Counter(sets.twice).items():
        yield name[1], f"{count + 1} times in {name[0] or 'one set'}"


def set_empty(sets: ImageSets, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """An image set lists nothing."""
    for stem in sets.empty:
        yield f"{stem}.txt", "an empty image set"


def image_ambiguous(group: Group) -> Iterator[tuple[str, str]]:
    """Several images of one name; JPEG wins over PNG, PNG over the rest."""
    for key, spare in group.spare_images.items():
        yield key, f"{group.images[key].name} used, not {', '.join(sorted(spare))}"


def duplicate_image(owners: Sequence[tuple[str, str]]) -> str | None:
    """The same content under another name in the same split."""
    splits = {split for split, _ in owners}
    return None if len(splits) > 1 else _names(owners)


def split_leak(owners: Sequence[tuple[str, str]]) -> str | None:
    """The same content in two splits; over budget unless `allow_leaks`."""
    splits = {split for split, _ in owners}
    return _names(owners) if len(splits) > 1 else None


def _names(owners: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"{split}/{image_id}" for split, image_id in owners[:6])
    return shown if len(owners) <= 6 else f"{shown} and {len(owners) - 6} more"
