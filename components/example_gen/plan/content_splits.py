"""Split by content: equal images go together, and nothing else moves them."""

from collections.abc import Mapping

Fractions = tuple[tuple[str, float], ...]


def split_of(
    sha256: str, fractions: Fractions, forced: Mapping[str, str] | None = None
) -> str:
    """Split for a content hash (hex): its first 8 bytes as a number in 0..1.

    `forced` (hash -> split) overrides, for sets so small that chance leaves a split
    empty.
    """
    if forced and sha256 in forced:
        return forced[sha256]
    position = int(sha256[:16], 16) / 2**64
    upper = 0.0
    for name, fraction in fractions:
        upper += fraction
        if position < upper:
            return name
    return next(name for name, fraction in reversed(fractions) if fraction > 0)


def forced_splits(hashes: list[str], fractions: Fractions) -> dict[str, str]:
    """Moves one content into each split that chance left empty.

    `hashes` are the contents that content decides on; the fullest split gives the one
    whose hash comes last. Splits without a fraction stay empty.
    """
    members: dict[str, list[str]] = {name: [] for name, part in fractions if part > 0}
    for sha256 in sorted(set(hashes)):
        members[split_of(sha256, fractions)].append(sha256)
    forced: dict[str, str] = {}
    for name, own in members.items():
        giver = max(members.values(), key=len)
        if not own and len(giver) > 1:
            moved = giver.pop()
            own.append(moved)
            forced[moved] = name
    return forced
