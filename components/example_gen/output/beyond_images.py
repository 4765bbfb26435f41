"""What is only seen over a whole data set: names of classes, images that are alike."""

from collections.abc import Iterable, Iterator, Mapping

from components.example_gen.rules import BOX_RULES, CLASS_RULES, NEAR_COPY_RULES
from components.example_gen.rules.class_names import ClassCounts
from components.example_gen.rules.near_copies import Seen
from components.example_gen.shards.marks import PackedImages
from components.example_gen.source.finding import Finding

# Each image of the first is compared with all of the second.
_COMPARED = (("eval", "train"), ("test", "train"), ("test", "eval"))


def class_findings(counts: ClassCounts) -> Iterator[Finding]:
    """Findings about class names with how many objects and images each has."""
    for rule in CLASS_RULES:
        for name, detail in rule.check(counts):
            yield Finding(name, "", -1, rule.code, rule.severity, rule.action, detail)


def box_findings(totals: Mapping[str, int]) -> Iterator[Finding]:
    """Findings about the corners of all boxes together."""
    for rule in BOX_RULES:
        detail = rule.check(totals.get("ymax_is_xmin", 0), totals.get("objects_in", 0))
        if detail is not None:
            yield Finding(
                "all boxes", "", -1, rule.code, rule.severity, rule.action, detail
            )


def near_copy_findings(images: Iterable[Seen]) -> Iterator[Finding]:
    """Findings about images that are alike across splits, an image the most alike."""
    by_split = {name: PackedImages(name) for name in ("train", "eval", "test")}
    for image in images:
        by_split[image.split].append(image)
    for rule in NEAR_COPY_RULES:
        for one, another in _COMPARED:
            for image, other, detail in rule.check(by_split[one], by_split[another]):
                yield Finding(
                    image.image_id,
                    image.split,
                    -1,
                    rule.code,
                    rule.severity,
                    rule.action,
                    detail,
                    other=other.image_id,
                )
