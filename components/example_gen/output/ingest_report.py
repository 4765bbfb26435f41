"""What a run did, as report.json; and whether that is good enough to go on."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.example_gen.config import IngestConfig
from components.example_gen.output.object_budget import (
    LOSSES,
    lost_objects,
    object_problem,
    why_dropped,
)
from components.example_gen.rules import RULES, doubts
from components.example_gen.rules.hints import hints_for, typed
from components.example_gen.rules.rule import (
    DROP_OBJECT,
    ERROR,
    INFO,
    KEEP,
    REJECT_IMAGE,
    Rule,
)
from components.example_gen.shards.tally import COUNTED, Tally
from components.example_gen.source.finding import Finding
from schemas.counted import counted
from schemas.user_error import RefusedError, UserError

# What to do about images in doubt, where they are too many.
_HINTS = {
    "size_scaled": (
        "boxes were scaled to images that were resized after labelling; if that is "
        f"right, {typed('accept_scaled', 'true')}"
    ),
    "exif_undecided": (
        "EXIF turns images, and nothing says whether boxes are turned too: look at "
        f"some, then give {typed('exif_boxes', 'stored')}, or displayed in place of "
        "stored"
    ),
}


class OverBudgetError(RefusedError):
    """The data is usable, and worse than the config allows."""


@dataclasses.dataclass(frozen=True)
class Report:
    """The numbers of a run; `details` holds what is for people rather than programs."""

    totals: Mapping[str, int]
    splits: Mapping[str, int]
    classes: Mapping[str, int]
    reasons: Mapping[str, int]
    details: dict[str, Any]

    def to_json(self) -> str:
        """report.json: totals, splits, classes and reasons at the top level."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The dictionary that report.json holds."""
        return {
            **self.totals,
            "splits": dict(self.splits),
            "classes": dict(self.classes),
            "reasons": dict(self.reasons),
            "details": dict(self.details),
        }

    def headline(self) -> str:
        """One line: images, objects, splits."""
        totals = self.totals
        splits = ", ".join(f"{name} {count}" for name, count in self.splits.items())
        return (
            f"{totals['images_written']} of {totals['images_in']} images, "
            f"{totals['objects_written']} of {totals['objects_in']} objects ({splits})"
        )

    def split_line(self) -> str:
        """One line: where the splits come from."""
        return f"splits {self.details['split_source']}"

    def corners_line(self) -> str:
        """One line: how boxes count pixels, and what says so."""
        corners = self.details["corners"]
        return f"corners {corners['convention']}: {corners['evidence']}"

    def worst_reasons(self, count: int = 3) -> list[tuple[str, int]]:
        """What costs most: lost images and leaks, lost objects, then anything odd."""
        rules = {rule.code: rule for rule in RULES}

        def order(reason: tuple[str, int]) -> tuple[int, int, str]:
            code, found = reason
            return _cost(rules[code]), -found, code

        notable = [
            reason
            for reason in self.reasons.items()
            if rules[reason[0]].severity != INFO
        ]
        return sorted(notable, key=order)[:count]


def _cost(rule: Rule) -> int:
    if rule.action == REJECT_IMAGE or (rule.action, rule.severity) == (KEEP, ERROR):
        return 0
    return 1 if rule.action == DROP_OBJECT or rule.code in _HINTS else 2


def make_report(
    tally: Tally, beyond_shards: Counter[str], details: dict[str, Any]
) -> Report:
    """Tally of all shards, and findings beyond shards by reason -> Report."""
    totals = {name: tally.totals[name] for name in COUNTED}
    reasons = tally.reasons + beyond_shards
    _check_sums(totals)
    order = {"train": 0, "eval": 1, "test": 2}
    return Report(
        totals=totals,
        splits=dict(sorted(tally.splits.items(), key=lambda item: order[item[0]])),
        classes=dict(sorted(tally.classes.items())),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        details=details,
    )


def _check_sums(totals: Mapping[str, int]) -> None:
    """Nothing is lost without a reason; if it is, that is our defect."""
    for kind, lost in (("images", "rejected"), ("objects", "dropped")):
        went_in = totals[f"{kind}_in"]
        came_out = totals[f"{kind}_written"] + totals[f"{kind}_{lost}"]
        if went_in != came_out:
            raise RuntimeError(f"{kind}: {went_in} in, {came_out} accounted for")


def check_usable(
    report: Report, tally: Tally, config: IngestConfig, findings: Iterable[Finding]
) -> None:
    """UserError where nothing is left, or a class is unknown and that is to stop.

    `findings`, all there are, are read only where an example is needed.
    """
    if config.label_map and tally.unknown_classes and config.unknown_class == "stop":
        named = ", ".join(
            f"{name!r} ({count} objects)"
            for name, count in sorted(tally.unknown_classes.items())
        )
        raise UserError(
            f"the label map lacks {named}; it knows: {', '.join(config.label_map)}; "
            f"add them to it, or give {typed('unknown_class', 'drop')}"
        )
    if not report.totals["images_written"]:
        worst = report.worst_reasons()
        meant = {rule.code: rule.summary for rule in RULES}[worst[0][0]]
        raise UserError(
            f"nothing is left of {counted(report.totals['images_in'], 'image')}; "
            f"reasons: {_named(worst)} ({worst[0][0]}: {meant})"
            f"{_example(worst[0][0], findings)}{_hints(worst)}"
        )
    if lost_objects(report.reasons) and not report.totals["objects_written"]:
        why = why_dropped(report.reasons, report.details.get("likely_causes", {}))
        worst = report.worst_reasons()
        lost = next((code for code, _ in worst if code in LOSSES), "")
        raise UserError(
            f"no object is left of {report.totals['objects_in']} in "
            f"{counted(report.totals['images_in'], 'image')}; reasons: "
            f"{_named(worst)}{_example(lost, findings)}" + (f"; {why}" if why else "")
        )


def check_trainable(report: Report) -> None:
    """UserError unless there is something to train on and something to measure on."""
    missing = [name for name in ("train", "eval") if not report.splits.get(name)]
    if missing:
        raise UserError(
            f"no image for the {' and '.join(missing)} split: {report.headline()}; "
            "at least two different images are needed"
        )
    objects = report.details["objects_of_split"]
    for split, why in (("train", "learn from"), ("eval", "measure on")):
        if not objects.get(split):
            images = counted(report.splits[split], "image")
            raise UserError(
                f"the {split} split has {images} and no object, so there is nothing "
                f"to {why}: move annotated images into it "
                f"(splits {report.details['split_source']})"
            )


def check_budget(report: Report, config: IngestConfig, where: str) -> None:
    """OverBudgetError above a budget for images or objects, or where content leaks."""
    problems = budget_problems(report, config)
    if problems:
        worst = report.worst_reasons()
        raise OverBudgetError(
            f"{'; '.join(problems)}; worst reasons: {_named(worst)}{_hints(worst)}; "
            f"see {where}"
        )


def budget_problems(report: Report, config: IngestConfig) -> list[str]:
    """What is over budget, in words; empty where nothing is."""
    rejected, images = report.totals["images_rejected"], report.totals["images_in"]
    doubtful = report.details.get("images_doubtful", 0)
    problems = []
    if rejected + doubtful > config.max_rejected_images * images:
        lost = f"{rejected} of {images} images rejected"
        if doubtful:
            lost += f", the boxes of {doubtful} in doubt"
        problems.append(f"{lost}, more than {_percent(config.max_rejected_images)}")
        counted = doubts(config) & set(report.reasons)
        problems += [hint for code, hint in _HINTS.items() if code in counted]
    objects = object_problem(
        report.reasons,
        report.totals["objects_written"],
        report.details.get("likely_causes", {}),
        config.max_dropped_objects,
    )
    problems += [objects] if objects else []
    leaks = report.reasons.get("split_leak", 0)
    if leaks and not config.allow_leaks:
        are = "picture is" if leaks == 1 else "pictures are"
        problems.append(
            f"{leaks} {are} in more than one split: leave each in one image set "
            f"(rejects.jsonl has them as split_leak), or {typed('allow_leaks', 'true')}"
        )
    return problems


def _percent(fraction: float) -> str:
    return f"{fraction:.2%}".replace(".00%", "%")


def _example(reason: str, findings: Iterable[Finding]) -> str:
    found = next((f for f in findings if f.reason == reason), None)
    if found is None:
        return ""
    return f"; for example {found.path or found.image_id}: {found.detail}"


def _hints(reasons: Sequence[tuple[str, int]]) -> str:
    return "".join(f"; {hint}" for hint in hints_for([code for code, _ in reasons]))


def _named(reasons: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{code} {count}" for code, count in reasons) or "none"
