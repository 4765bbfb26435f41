"""The verdict on a candidate model: blessed or not, and why, both ways."""

from collections.abc import Callable

from components.evaluator.chance import Change, change_of
from components.evaluator.comparison import difference_of, number_of, told_apart
from components.evaluator.config import GateConfig
from components.evaluator.judgement import Evidence, Outcome, Verdict, at_least
from components.evaluator.slice_floors import slices_keep_their_floors
from schemas.counted import counted

WORSE, EQUAL, BETTER = "worse", "equal within noise", "better"
WEIGHTS_RULE = "weights are numbers"  # which nothing but the model itself tells


def decide(config: GateConfig, evidence: Evidence) -> Verdict:
    """Applies every rule; all must hold. A value exactly at its threshold passes."""
    outcomes = [outcome for rule in RULES for outcome in rule(config, evidence)]
    return Verdict(
        blessed=all(outcome.passed for outcome in outcomes),
        reasons=tuple(outcome.reason for outcome in outcomes),
        split=evidence.split,
        compared=next((outcome.name for outcome in outcomes if outcome.name), ""),
        outcomes=tuple(outcomes),
    )


def weights_are_numbers(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """A score that is NaN becomes "no detection", which no metric can see."""
    del config
    broken = evidence.broken_variables
    if not broken:
        return []
    text = f"{len(broken)} variables hold NaN or infinity, such as {broken[0]}"
    return [Outcome(WEIGHTS_RULE, False, text, f"{len(broken)} are not", "0")]


def something_was_measured(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """Images, objects of every class, and detections: says what was judged on."""
    split = evidence.split
    chose = ", which also chose the checkpoint" if split == "eval" else ""
    total = sum(evidence.objects.values())
    value = f"{counted(evidence.images, 'image')}, {counted(total, 'object')}"
    text = f"judged on {split}{chose}: {value}"
    measured = evidence.images > 0 and total > 0
    outcomes = [Outcome(f"{split} was measured", measured, text, value, "some")]
    least = config.min_class_objects
    few = [name for name, number in evidence.objects.items() if number < least]
    if few:
        text = (
            f"{split} holds fewer than {counted(least, 'object')} of {', '.join(few)}: "
            "nothing shows that they are found (gate.min_class_objects)"
        )
        lacking = f"{', '.join(few)} have fewer"
        rule = "objects of each class"
        outcomes.append(Outcome(rule, False, text, lacking, str(least)))
    if not evidence.detections and not config.allow_no_detections:
        text = f"nothing was detected on {split}"
        outcomes.append(Outcome("something is detected", False, text, "0", "1"))
    return outcomes


def reaches_its_bounds(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """The absolute thresholds that the config names."""
    bounds = (("mAP", "AP", config.min_map), ("AP50", "AP50", config.min_ap50))
    return [
        at_least(shown, number_of(evidence.candidate, name), bound)
        for shown, name, bound in bounds
        if bound is not None
    ]


def keeps_the_served_classes(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """What is asked for by name tomorrow must still be answered."""
    kept = {*evidence.objects, *config.allow_lost_classes}
    lost = sorted(set(evidence.served_classes) - kept)
    if not lost:
        return []
    text = (
        f"the served model knows {', '.join(lost)}, which this one would lose "
        "(gate.allow_lost_classes names what may go)"
    )
    rule = "keeps the served classes"
    return [Outcome(rule, False, text, f"{', '.join(lost)} lost")]


def no_worse_than_served(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """The change of mAP against the model that serves now, and what chance it has."""
    rule = "mAP against the served model"
    if evidence.baseline is None:
        text = "no model serves yet, so there is nothing to compare with"
        return [Outcome(rule, True, text, "no model serves")]
    served = number_of(evidence.baseline, "AP")
    if served is None:
        text = "the served model's mAP is no number here: nothing to compare with"
        return [Outcome(rule, False, text, "the served model's is no number")]
    own = number_of(evidence.candidate, "AP")
    change = change_of(evidence.changes, config.max_map_drop)
    if own is None or change is None:
        text = f"mAP is no number, and the served model has {served:.4f}"
        return [Outcome(rule, False, text, "no number", f"{served:.4f}")]
    name = _compared(change, config.worse_probability)
    passed = name == BETTER or (name == EQUAL and config.push_equal)
    text = _compared_text(config, own, served, change, name)
    value = f"{name}: {difference_of(own, served)} ({change})"
    value += f", worse with probability {change.worse:.3f}"
    bound = f"fall of more than {config.max_map_drop:g} with probability "
    bound += f"{config.worse_probability:g}"
    return [Outcome(rule, passed, text, value, f"no {bound}", name)]


def no_class_is_much_worse(config: GateConfig, evidence: Evidence) -> list[Outcome]:
    """The change of each class that has enough objects to tell."""
    drop = config.max_class_drop
    if drop is None or evidence.baseline is None:
        return []
    outcomes = []
    for name, resamples in evidence.class_changes.items():
        change = change_of(resamples, drop)
        if change is None or evidence.objects[name] < config.class_drop_objects:
            continue
        if change.worse >= config.worse_probability:
            own, served = (
                number_of(metrics, f"AP/{name}") or 0.0
                for metrics in (evidence.candidate, evidence.baseline)
            )
            text = (
                f"AP of {name} fell from {served:.4f} to {own:.4f} ({change}): by more "
                f"than {drop:g} with probability {change.worse:.3f}"
            )
            value = f"{difference_of(own, served)} ({change})"
            rule = f"AP of {name} against the served model"
            outcomes.append(Outcome(rule, False, text, value, f"-{drop:g}"))
    return outcomes


Rule = Callable[[GateConfig, Evidence], list[Outcome]]
RULES: tuple[Rule, ...] = (
    weights_are_numbers,
    something_was_measured,
    reaches_its_bounds,
    keeps_the_served_classes,
    no_worse_than_served,
    no_class_is_much_worse,
    slices_keep_their_floors,
)


def _compared(change: Change, sure: float) -> str:
    if change.worse >= sure:
        return WORSE
    return BETTER if change.better >= sure else EQUAL


def _compared_text(
    config: GateConfig, own: float, served: float, change: Change, name: str
) -> str:
    shown, served_shown = told_apart(own, served)
    relation = {
        WORSE: f"is worse than the served model's {served_shown}",
        EQUAL: f"equals the served model's {served_shown} within noise",
        BETTER: f"is better than the served model's {served_shown}",
    }[name]
    drop = f" by more than {config.max_map_drop:g}" if config.max_map_drop else ""
    text = (
        f"mAP {shown} {relation}: {difference_of(own, served)} ({change}), "
        f"worse{drop} with probability {change.worse:.3f} "
        f"(refused from {config.worse_probability:g})"
    )
    if name == EQUAL and not config.push_equal:
        text += "; gate.push_equal is false"
    return text
