"""Makes sure that what will be trained on has a train and an eval split."""

import dataclasses
from collections.abc import Sequence

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import examine
from components.example_gen.plan.content_splits import Fractions, forced_splits
from components.example_gen.source.item import Item, Plan

# Where chance gives a split so few contents, it may give it none: look before.
_FEW = 40


@dataclasses.dataclass(frozen=True)
class Assignment:
    """Items with their splits, and how content decides where `split` is ""."""

    items: tuple[Item, ...]
    fractions: Fractions
    forced: tuple[tuple[str, str], ...] = ()
    carved_from: str = ""  # the listed split that gave the missing one
    source: str = ""  # where the splits come from, in one line


def assign_splits(plan: Plan, config: IngestConfig) -> Assignment:
    """Plan -> Assignment; carves a missing split where the config asks for it."""
    items, carved_from = plan.items, ""
    if plan.has_splits:
        if config.ensure_splits:
            carved_from = _donor(items)
        if carved_from:
            items = tuple(
                item._replace(split="") if item.split == carved_from else item
                for item in items
            )
        fractions = _train_and_eval(config)
    else:
        fractions = (
            ("train", config.train_fraction),
            ("eval", config.eval_fraction),
            ("test", config.test_fraction),
        )
    forced = _forced(items, fractions, config)
    source = _source(plan, items, fractions, carved_from)
    return Assignment(
        items, fractions, tuple(sorted(forced.items())), carved_from, source
    )


def _source(
    plan: Plan, items: Sequence[Item], fractions: Fractions, carved_from: str
) -> str:
    shares = ", ".join(f"{name} {part:.0%}" for name, part in fractions if part)
    if not plan.has_splits:
        told = f"by content ({shares})"
        listed = any(item.listed for item in items)
        return f"{told} of the images in {plan.split_source}" if listed else told
    told = f"from {plan.split_source}"
    have = {item.split for item in plan.items}
    missing = " and ".join(s for s in ("train", "eval") if s not in have)
    if carved_from:
        told += f"; {missing} carved out of {carved_from} by content ({shares})"
        kept = have - {carved_from}
        return f"{told}; {' and '.join(sorted(kept))} untouched" if kept else told
    if any(not item.split for item in items):
        return f"{told}; the rest by content ({shares})"
    return f"{told}; no {missing} split, which a run would carve" if missing else told


def _donor(items: Sequence[Item]) -> str:
    """The split that has to give a missing train or eval split; "" where none has."""
    have = {item.split for item in items}
    if "" in have or {"train", "eval"} <= have:
        return ""
    return next((name for name in ("train", "eval", "test") if name in have), "")


def _train_and_eval(config: IngestConfig) -> Fractions:
    both = config.train_fraction + config.eval_fraction
    share = config.eval_fraction / both if both and config.eval_fraction else 0.2
    return (("train", 1 - share), ("eval", share))


def _forced(
    items: Sequence[Item], fractions: Fractions, config: IngestConfig
) -> dict[str, str]:
    undecided = [item for item in items if not item.split]
    least = min(fraction for _, fraction in fractions if fraction > 0)
    if not undecided or len(undecided) * least >= _FEW:
        return {}
    examined = (examine(item, frozenset(), config) for item in undecided)
    hashes = [found.example.sha256 for found in examined if found.example is not None]
    return forced_splits(hashes, fractions)
