"""From what lies there to what will be read: one Item an image and split."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from components.example_gen.rules import LISTING_RULES, SPARE_RULES
from components.example_gen.rules.rule import Rule
from components.example_gen.source import image_sets, layouts
from components.example_gen.source.annotation import AnnotationError, read_annotation
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item, Plan
from components.example_gen.source.layouts import Group
from components.example_gen.source.storage import Entry, FileRef, TooLargeError

ReadBytes = Callable[[FileRef], bytes]


class _Pair(NamedTuple):
    annotation: Entry | None
    image: Entry | None


def make_plan(
    entries: Sequence[Entry], read: ReadBytes, *, follow_symlinks: bool = False
) -> Plan:
    """Files of a data set -> Plan. `read` fetches sets and unpaired annotations."""
    groups = layouts.find_groups(entries)
    pairs = [_pair_up(group, read) for group in groups]
    ids = _image_ids(groups, pairs)
    items: list[Item] = []
    findings: list[Finding] = []
    any_sets = False
    for group, paired, names in zip(groups, pairs, ids, strict=True):
        sets = _read_sets(group, names, read)
        any_sets = any_sets or bool(sets.splits)
        chosen = _listed(sets, names) if sets.splits else _by_directory(group, names)
        for image_id, split, key in chosen:
            pair = paired.get(key, _Pair(None, None)) if key else _Pair(None, None)
            listed = bool(sets.splits)
            items.append(_item(image_id, split, pair, listed, follow_symlinks))
        findings += _judge_listing(group, sets, names)
    findings += _judge_spares(groups)
    return Plan(tuple(items), tuple(findings), any_sets)


def _item(
    image_id: str, split: str, pair: _Pair, listed: bool, follow_symlinks: bool
) -> Item:
    present = [entry for entry in pair if entry is not None]
    escaping = [entry.name for entry in present if entry.escapes]
    unsafe = "" if follow_symlinks or not escaping else ", ".join(escaping)
    return Item(
        image_id=image_id,
        split=split,
        annotation=pair.annotation.ref if pair.annotation else None,
        image=pair.image.ref if pair.image else None,
        annotation_name=pair.annotation.name if pair.annotation else "",
        image_name=pair.image.name if pair.image else "",
        unsafe=unsafe,
        listed=listed,
    )


def _pair_up(group: Group, read: ReadBytes) -> dict[str, _Pair]:
    """Key -> its annotation and image; either may be missing."""
    pairs = {
        key: _Pair(group.annotations.get(key), group.images.get(key))
        for key in sorted(group.annotations.keys() | group.images.keys())
    }
    lone_images: dict[str, list[str]] = defaultdict(list)
    for key, pair in pairs.items():
        if pair.annotation is None:
            lone_images[PurePosixPath(key).name].append(key)
    for key in [key for key, pair in pairs.items() if pair.image is None]:
        if not lone_images:
            break
        stem = _image_stem(key, group, lone_images, read)
        matches = lone_images.get(stem, [])
        if len(matches) == 1:
            pairs[key] = _Pair(group.annotations[key], group.images[matches[0]])
            del pairs[matches[0]], lone_images[stem]
    return pairs


def _image_stem(
    key: str, group: Group, lone_images: Mapping[str, object], read: ReadBytes
) -> str:
    """Stem to look for where no image has the key: its own, or that of <filename>."""
    own = PurePosixPath(key).name
    if own in lone_images:
        return own
    try:
        annotation = read_annotation(read(group.annotations[key].ref))
    except (AnnotationError, TooLargeError, OSError):
        return own  # the item's own rules will say what is wrong with it
    return PurePosixPath((annotation.filename or "").replace("\\", "/")).stem


def _image_ids(
    groups: Sequence[Group], pairs: Sequence[Mapping[str, _Pair]]
) -> list[dict[str, str]]:
    """Per group image_id -> key.

    An id is the file's stem, with directories only where two files would share it.
    """
    stems = Counter(PurePosixPath(key).name for paired in pairs for key in paired)
    keys = Counter(key for paired in pairs for key in paired)

    def image_id(group: Group, key: str) -> str:
        stem = PurePosixPath(key).name
        if stems[stem] == 1:
            return stem
        return key if keys[key] == 1 else group.home + key

    return [
        {image_id(group, key): key for key in paired}
        for group, paired in zip(groups, pairs, strict=True)
    ]


def _read_sets(
    group: Group, names: Mapping[str, str], read: ReadBytes
) -> image_sets.ImageSets:
    files = {stem: read(entry.ref) for stem, entry in group.sets.items()}
    known = set(names) | set(names.values())
    known |= {PurePosixPath(key).name for key in names.values()}
    return image_sets.read_sets(files, known)


def _listed(
    sets: image_sets.ImageSets, names: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yields (image id, split, key); key "" for a listed name that is not there."""
    by_key = {key: image_id for image_id, key in names.items()}
    by_stem = {PurePosixPath(key).name: key for key in names.values()}
    for split, listed in sorted(sets.splits.items()):
        for name in listed:
            key = names.get(name) or (name if name in by_key else by_stem.get(name, ""))
            yield by_key.get(key, name), split, key


def _by_directory(
    group: Group, names: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Splits from directories named train, valid, test; "" where there are none."""
    for image_id, key in names.items():
        parts = (group.home + key).lower().split("/")[:-1]
        splits = [
            image_sets.SPLIT_OF_SET[p] for p in parts if p in image_sets.SPLIT_OF_SET
        ]
        yield image_id, splits[-1] if splits else "", key


def _judge_listing(
    group: Group, sets: image_sets.ImageSets, names: Mapping[str, str]
) -> Iterator[Finding]:
    for rule in LISTING_RULES:
        for image_id, detail in rule.check(sets, names):
            yield _of_rule(rule, image_id, detail, group.home)


def _judge_spares(groups: Sequence[Group]) -> Iterator[Finding]:
    for group in groups:
        for rule in SPARE_RULES:
            for image_id, detail in rule.check(group):
                yield _of_rule(rule, image_id, detail, group.home)


def _of_rule(rule: Rule, image_id: str, detail: str, path: str) -> Finding:
    return Finding(
        image_id, "", -1, rule.code, rule.severity, rule.action, detail, path
    )
