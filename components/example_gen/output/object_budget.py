"""Objects that were dropped from images that were written: how many, and why."""

from collections.abc import Mapping

from components.example_gen.rules import OBJECT_RULES
from components.example_gen.rules.hints import typed
from components.example_gen.rules.likely_cause import hint
from components.example_gen.rules.rule import DROP_OBJECT

# A repeated box and a deleted object are no loss.
_NO_LOSS = {"box_duplicate", "object_deleted"}
LOSSES = tuple(
    rule.code
    for rule in OBJECT_RULES
    if rule.action == DROP_OBJECT and rule.code not in _NO_LOSS
)
_UNKNOWN = (
    "the label map lacks most of what is annotated: give the data's own, or, if only "
    f"these classes are wanted, {typed('max_dropped_objects', '1')}"
)
_NAMELESS = "objects lack a class: write it into the <name> of each <object>"
_BOXLESS = (
    "objects lack a box: what is read is a <bndbox> with <xmin>, <ymin>, <xmax> and "
    "<ymax>, a <polygon> or a <robndbox>"
)
_SEVERAL = "of several <bndbox> in an <object> one is read: write an <object> for each"


def lost_objects(reasons: Mapping[str, int]) -> int:
    """Objects dropped for a loss; each has one such reason."""
    return sum(reasons.get(code, 0) for code in LOSSES)


def object_problem(
    reasons: Mapping[str, int],
    written: int,
    causes: Mapping[str, int],
    allowed: float,
) -> str:
    """What is over the budget for objects, with a hint; "" where nothing is.

    `allowed` is a fraction of the objects of images that were written.
    """
    lost, several = lost_objects(reasons), reasons.get("box_repeated", 0)
    if lost + several <= allowed * (lost + written):
        return ""
    percent = f"{allowed:.2%}".replace(".00%", "%")
    said = f"{lost} of {lost + written} objects dropped"
    if several:
        said += f", {several} with boxes that are not read"
    more = _SEVERAL if several > lost else why_dropped(reasons, causes)
    return f"{said}, more than {percent}" + (f" ({more})" if more else "")


def why_dropped(reasons: Mapping[str, int], causes: Mapping[str, int]) -> str:
    """The likely cause of most drops, in words; "" where there is none."""
    lost = lost_objects(reasons)
    unknown, nameless = reasons.get("unknown_class", 0), reasons.get("class_missing", 0)
    boxless = reasons.get("box_missing", 0)
    boxes = lost - unknown - nameless - boxless
    if boxes >= max(unknown, nameless, boxless):
        return hint(causes, boxes) if boxes else ""
    if boxless > max(unknown, nameless):
        return _BOXLESS
    return _UNKNOWN if unknown >= nameless else _NAMELESS
