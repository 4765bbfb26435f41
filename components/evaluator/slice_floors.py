"""The gate's rule about the slices that a config names."""

from components.evaluator.chance import change_of
from components.evaluator.comparison import difference_of
from components.evaluator.config import GateConfig
from components.evaluator.judgement import (
    Evidence,
    Outcome,
    SliceEvidence,
    at_least,
)
from schemas.counted import counted


def slices_keep_their_floors(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """What a mean over everything hides: the few, the small, the dark."""
    outcomes = []
    for part in evidence.slices:
        least = part.floor.min_objects
        if not part.objects or part.objects < least:
            outcomes.append(_too_few(part, evidence.split))
            continue
        if part.floor.min_map is not None:
            shown = f"mAP of {_called(part)} ({counted(part.objects, 'object')})"
            outcomes.append(at_least(shown, part.candidate, part.floor.min_map))
        if part.floor.max_drop is not None and evidence.baseline is not None:
            outcomes.append(_against_served(config, part, part.floor.max_drop))
    return outcomes


def _too_few(part: SliceEvidence, split: str) -> Outcome:
    """No object shows nothing; a few are chance."""
    rule, least = f"objects of {_called(part)}", str(part.floor.min_objects)
    if not part.objects:
        text = (
            f"{split} holds no object of the slice {_called(part)}: nothing shows "
            "that it keeps its floor (gate.slices)"
        )
        return Outcome(rule, False, text, "0", least)
    few = "1 object is" if part.objects == 1 else f"{part.objects} objects are"
    text = (
        f"the slice {_called(part)} is not judged: {few} fewer than its min_objects, "
        f"{least}"
    )
    return Outcome(rule, True, text, f"{part.objects}: not judged", least)


def _against_served(config: GateConfig, part: SliceEvidence, drop: float) -> Outcome:
    name, own, served = _called(part), part.candidate, part.served
    rule, bound = f"mAP of {name} against the served model", f"-{drop:g}"
    change = change_of(part.changes, drop)
    if own is None or served is None or change is None:
        text = f"mAP of {name} is no number for one of the two models"
        return Outcome(rule, False, text, "no number", bound)
    passed = change.worse < config.worse_probability
    text = (
        f"mAP of {name} went from {served:.4f} to {own:.4f} ({change}): worse by more "
        f"than {drop:g} with probability {change.worse:.3f}"
    )
    value = f"{difference_of(own, served)} ({change})"
    return Outcome(rule, passed, text, value, bound)


def _called(part: SliceEvidence) -> str:
    """Its name, in quotes where that is of several words: else it ends nowhere."""
    name = part.floor.name
    return repr(name) if len(name.split()) > 1 else name
