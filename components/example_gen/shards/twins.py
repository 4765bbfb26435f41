"""Images of equal content."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from components.example_gen.rules import CONTENT_TWIN_RULES
from components.example_gen.rules.near_copies import Seen
from components.example_gen.source.finding import Finding


class TwinSearch:
    """Holds 8 bytes of each content hash, and whole ones of those that repeat."""

    def __init__(self) -> None:
        self._heads = array("Q")

    def noted(self, images: Iterable[Seen]) -> Iterator[Seen]:
        """The same images, each noted as it passes."""
        for image in images:
            self._heads.append(_head(image))
            yield image

    def findings(self, images: Callable[[], Iterable[Seen]]) -> list[Finding]:
        """About the images noted, which `images` gives again if any are alike."""
        ordered = np.sort(np.frombuffer(self._heads, np.uint64))
        repeated = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
        owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for image in images() if repeated else ():
            if _head(image) in repeated:
                owners[image.sha256].append((image.split, image.image_id))
        found = [twin for alike in owners.values() for twin in _judge(alike)]
        return sorted(found, key=lambda finding: finding.to_json())


def _head(image: Seen) -> int:
    return int(image.sha256[:16], 16)


def _judge(owners: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """(split, image id) of equal contents -> the finding about them, if any."""
    ordered = sorted(owners)
    (split, image_id), *others = ordered
    for rule in CONTENT_TWIN_RULES if others else ():
        detail = rule.check(ordered)
        if detail is not None:
            yield Finding(
                image_id, split, -1, rule.code, rule.severity, rule.action, detail
            )
