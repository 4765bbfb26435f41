"""From what lies there to what will be read: one Item per image and split."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from components.example_gen.plan.image_folders import image_folders
from components.example_gen.plan.one_set import only_split, restrict_sets
from components.example_gen.plan.pairing import ReadBytes, pair_up
from components.example_gen.plan.split_source import SplitChoice
from components.example_gen.rules import DATA_SET_RULES
from components.example_gen.rules.data_set import DataSetFacts
from components.example_gen.source import image_sets, layouts
from components.example_gen.source.annotation import AnnotationError, read_annotation
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item, Plan
from components.example_gen.source.layouts import Group
from components.example_gen.source.names import base_of, fold, stem_of
from components.example_gen.source.pair import Pair
from components.example_gen.source.storage import Entry, TooLargeError


def make_plan(
    entries: Sequence[Entry],
    read: ReadBytes,
    *,
    follow_symlinks: bool = False,
    unannotated: str = "reject",
    image_set: str = "",
) -> Plan:
    """Files of a data set -> Plan. `read` fetches sets and unpaired annotations.

    With `image_set` only what that list, or else the folders of that split, hold.
    """
    layout = layouts.find_layout(entries)
    by_folder = bool(image_set) and not restrict_sets(layout.groups, image_set)
    pairs, outside = [], list(layout.images)
    for group in layout.groups:
        images, others = image_folders(group, *_questions(group, read))
        outside += [entry for folder in others.values() for entry in folder]
        pairs.append(pair_up(group.annotations, images, read))
        group.folders.clear()  # the pairs hold what is of use of them
        group.annotations.clear()
        del images, others
    items: list[Item] = []
    findings: list[Finding] = []
    ids = _image_ids(layout.groups, pairs)
    choice = SplitChoice(layout, pairs, ids, outside, read)
    for group, paired, names, sets in zip(
        layout.groups, pairs, ids, choice.sets, strict=True
    ):
        ignored = []
        taken = set()
        for image_id, split, key in choice.of_group(group):
            taken.add(key)
            pair = paired.get(key, Pair()) if key else Pair()
            if unannotated == "ignore" and pair.image and not pair.annotation:
                ignored.append(image_id)
                continue
            listed = bool(sets.splits)
            items.append(_item(image_id, split, pair, listed, follow_symlinks))
        spare = _spare_annotations(group, names, paired, read)
        facts = DataSetFacts(
            sets,
            names,
            paired,
            spare,
            tuple(dict.fromkeys(ignored)),
            taken,
        )
        findings += _judge(facts, group.home)
    findings += _judge(_facts_beyond(entries, layout, outside, choice), "")
    if by_folder:
        items = only_split(items, image_set, layout.groups)
    return Plan(tuple(items), tuple(findings), choice.source())


def _questions(
    group: Group, read: ReadBytes
) -> tuple[Callable[[Iterable[str]], Iterator[str]], Callable[[], set[str]]]:
    """What `image_folders` may ask about a group, answered from its files."""

    def filenames(keys: Iterable[str]) -> Iterator[str]:
        for key in keys:
            try:
                raw = read(group.annotations[key])
                yield read_annotation(raw).filename or ""
            except (AnnotationError, TooLargeError, OSError):
                continue  # the item's own rules will say what is wrong with it

    def listed() -> set[str]:
        lines = [
            line
            for entry in group.sets.values()
            for line in image_sets.read_lines(read(entry))
        ]
        return {fold(stem_of(part)) for line in lines for part in (line, *line.split())}

    return filenames, listed


def _item(
    image_id: str, split: str, pair: Pair, listed: bool, follow_symlinks: bool
) -> Item:
    present = [entry for entry in (pair.annotation, pair.image) if entry is not None]
    escaping = [entry.name for entry in present if entry.escapes]
    unsafe = "" if follow_symlinks or not escaping else ", ".join(escaping)
    return Item(
        image_id=image_id,
        split=split,
        annotation=pair.annotation,
        image=pair.image,
        unsafe=unsafe,
        listed=listed,
        unclear=pair.unclear,
    )


def _image_ids(
    groups: Sequence[Group], pairs: Sequence[Mapping[str, Pair]]
) -> list[dict[str, str]]:
    """Per group image_id -> key.

    An id is the file's stem, with directories only where two files would share it.
    """
    stems = Counter(base_of(key) for paired in pairs for key in paired)
    keys = Counter(key for paired in pairs for key in paired)

    def image_id(group: Group, key: str) -> str:
        stem = base_of(key)
        if stems[stem] == 1:
            return stem
        return key if keys[key] == 1 else group.home + key

    return [
        {image_id(group, key): key for key in paired}
        for group, paired in zip(groups, pairs, strict=True)
    ]


def _spare_annotations(
    group: Group, names: Mapping[str, str], paired: Mapping[str, Pair], read: ReadBytes
) -> dict[str, str]:
    """Image id -> which annotation is used of several, and whether they differ."""
    if not group.spare_annotations:
        return {}
    found = {}
    for image_id, key in names.items():
        spare, used = group.spare_annotations.get(key), paired[key].annotation
        if spare and used:
            try:
                equal = {read(entry) for entry in (used, *spare)}
                how = "their contents differ" if len(equal) > 1 else "equal contents"
            except (TooLargeError, OSError):
                how = "one cannot be read"
            others = ", ".join(entry.name for entry in spare)
            found[image_id] = f"{used.name} used, not {others}: {how}"
    return found


def _facts_beyond(
    entries: Sequence[Entry],
    layout: layouts.Layout,
    images: Sequence[Entry],
    choice: SplitChoice,
) -> DataSetFacts:
    """What lies in no data set, and splits that are not used."""
    return DataSetFacts(
        image_sets.ImageSets({}),
        annotations_outside=_by_folder(layout.annotations),
        images_outside=_by_folder(images),
        splits_unused=choice.unused(images),
        members_replaced={e.name: e.replaced for e in entries if e.replaced},
    )


def _by_folder(entries: Iterable[Entry]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        folders[entry.name.rpartition("/")[0] + "/"].append(entry.name)
    return dict(sorted(folders.items()))


def _judge(facts: DataSetFacts, home: str) -> Iterator[Finding]:
    for rule in DATA_SET_RULES:
        for name, detail in rule.check(facts):
            yield Finding(
                name, "", -1, rule.code, rule.severity, rule.action, detail, home
            )
