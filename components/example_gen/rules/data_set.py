"""Rules on the data set as a whole."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from components.example_gen.source.image_sets import ImageSets
from components.example_gen.source.pair import Pair

_NO_CHANCE = 5  # boxes of a data set whose ymax is by chance their xmin are fewer


@dataclasses.dataclass(frozen=True)
class DataSetFacts:
    """What was noticed about a data set's files while they were paired up.

    `names` maps image ids to keys, `pairs` keys to pairs. `listed` are the keys that
    the image sets were found to mean. The files outside are those that belong to no
    data set, by folder. `splits_unused` are (list or folder, why), `members_replaced`
    members of a tar -> how many of the same name stand before them.
    """

    sets: ImageSets
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pairs: Mapping[str, Pair] = dataclasses.field(default_factory=dict)
    spare_annotations: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ignored: Sequence[str] = ()
    listed: Collection[str] = frozenset()
    annotations_outside: Mapping[str, Sequence[str]] = dataclasses.field(
        default_factory=dict
    )
    images_outside: Mapping[str, Sequence[str]] = dataclasses.field(
        default_factory=dict
    )
    splits_unused: Sequence[tuple[str, str]] = ()
    members_replaced: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def ids(self) -> Iterator[tuple[str, Pair]]:
        """Every pair with its image id."""
        return ((image_id, self.pairs[key]) for image_id, key in self.names.items())


Noticed = Iterator[tuple[str, str]]  # image id, file or folder, and the detail


def unlisted(facts: DataSetFacts) -> Noticed:
    """It is there and no image set lists it; not ingested, not counted as in."""
    if not facts.sets.splits:
        return
    for image_id, key in facts.names.items():
        if key not in facts.listed:
            yield image_id, "in no image set"


def listed_twice(facts: DataSetFacts) -> Noticed:
    """One image set lists it more than once; taken once."""
    for name, count in Counter(facts.sets.twice).items():
        yield name[1], f"{count + 1} times in {name[0] or 'one set'}"


def set_empty(facts: DataSetFacts) -> Noticed:
    """An image set lists nothing."""
    for stem in facts.sets.empty:
        yield f"{stem}.txt", "an empty image set"


def split_unused(facts: DataSetFacts) -> Noticed:
    """A list or folder that looks like a split is not used as one."""
    yield from facts.splits_unused


def unannotated_ignored(facts: DataSetFacts) -> Noticed:
    """No annotation file and `unannotated: ignore`; not ingested, not counted as in."""
    for image_id in facts.ignored:
        yield image_id, "no XML of that name"


def images_outside(facts: DataSetFacts) -> Noticed:
    """Pictures of a folder without any annotation; not ingested, not counted as in."""
    for folder, names in facts.images_outside.items():
        yield folder, _counted(names, "no annotation is about a picture there")


def annotations_outside(facts: DataSetFacts) -> Noticed:
    """XML outside the annotation folders; not ingested, not counted as in."""
    for folder, names in facts.annotations_outside.items():
        yield folder, _counted(names, "put it with the other annotations, if it is one")


def member_replaced(facts: DataSetFacts) -> Noticed:
    """The tar holds a member of that name more than once; the last, as `tar x`."""
    for name, earlier in facts.members_replaced.items():
        yield name, f"{earlier + 1} times in the tar; the last of them is used"


def annotation_spare(facts: DataSetFacts) -> Noticed:
    """Several annotations of one name; the first is used."""
    yield from facts.spare_annotations.items()


def image_chosen(facts: DataSetFacts) -> Noticed:
    """Several images of one name, and it could be told which one is meant."""
    for image_id, pair in facts.ids():
        if pair.spare and pair.image is not None:
            spare = ", ".join(entry.name for entry in pair.spare)
            yield image_id, f"{pair.image.name} used, not {spare}: {pair.chosen}"


def name_differs(facts: DataSetFacts) -> Noticed:
    """Found under a name that differs by case or Unicode form, and is the only one."""
    for image_id, pair in facts.ids():
        if pair.differs:
            yield image_id, f"its image is {pair.differs}"
    for name, line in facts.sets.written.items():
        yield name, f"listed as {line}"


def _counted(names: Sequence[str], what: str) -> str:
    shown = ", ".join(name.rpartition("/")[2] for name in names[:3])
    more = ", ..." if len(names) > 3 else ""
    return f"{len(names)} ({shown}{more}): {what}"


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


def ymax_is_xmin(count: int, objects: int) -> str | None:
    """Most boxes have a ymax equal to xmin: whatever wrote them mixed up two fields."""
    if count < _NO_CHANCE or 2 * count <= objects:
        return None
    return f"ymax equals xmin in {count} of {objects} boxes: two fields are mixed up"
