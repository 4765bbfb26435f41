"""A version that was judged before is made to serve, if it is still no worse.

Of the same destination (an earlier version), or of another (from staging to
production). No model runs: both are judged on the images that were kept with them.
"""

import dataclasses
import os
from typing import Any, TypeVar

from components.baseline import folders
from components.baseline.history import (
    PROMOTE,
    REJECT,
    Decision,
    signed,
    withdrawn,
    write_down,
)
from components.baseline.push import copy_version, in_turn, next_version
from components.baseline.push_record import PushRecord
from components.baseline.served_models import (
    ServedModel,
    export_bytes,
    model_digest,
    serving,
)
from components.evaluator.common_images import common_images
from components.evaluator.config import GateConfig
from components.evaluator.gate import WEIGHTS_RULE
from components.evaluator.judged_evidence import judge_again
from components.evaluator.judgement import Verdict
from components.pusher.judged_version import judged_images, verify
from components.serving_check.budgets import budget_outcomes, unmeasured
from components.serving_check.config import ServingCheckConfig
from schemas.config_json import from_mapping
from schemas.user_error import RefusedError, UserError

ConfigT = TypeVar("ConfigT")
# Fewer are compared only where one of the two was judged on no more at all.
LEAST_SHARED_IMAGES = 20


@dataclasses.dataclass(frozen=True)
class Promotion:
    """A version that now serves, and the verdict by which it does."""

    served: ServedModel
    verdict: Verdict


def promote(model: ServedModel, destination: str, because: str) -> Promotion:
    """Lets a version serve under `destination`, as its newest, in turn and judged.

    What served there is not pushed again by a run, though it is no worse a model for
    that: `rollback` goes back to it.

    Raises RefusedError that names the rule, where the model is worse than the one that
    serves, was rejected, or is not what was judged; UserError where it serves already
    or nothing tells how good it is.
    """
    with in_turn(destination):
        now = serving(destination)
        digest = model_digest(model.path)
        if now and model_digest(now.path) == digest:
            raise UserError(
                f"version {model.version} is the model that serves under "
                f"{destination}, as version {now.version}: nothing to promote"
            )
        _require_sound(model, digest, destination)
        _require_comparable(model, now)
        _require_budgets(model, now)
        gates = _gates_of(model, now)
        own, served = _judged(model), _judged_of(now)
        verdicts = [judge_again(gate, own, served) for gate in gates]
        failed = dict.fromkeys(
            one.reason
            for verdict in verdicts
            for one in verdict.outcomes
            if not one.passed
        )
        if not all(verdict.blessed for verdict in verdicts):
            raise RefusedError(
                f"version {model.version} is not promoted: {'; '.join(failed)}; "
                "`voc-pipeline bless` would push it against the verdict"
            )
        copy = _copy(model, digest, now, destination, verdicts[-1], because)
    return Promotion(copy, verdicts[-1])


def _require_sound(model: ServedModel, digest: str, destination: str) -> None:
    """Refuses what somebody rejected, here or where it comes from, and what changed."""
    for place in dict.fromkeys((destination, os.path.dirname(model.path))):
        decision = withdrawn(place).get(digest)
        if decision and decision.action == REJECT:
            raise RefusedError(
                f"version {model.version} is not promoted: it was rejected ({decision})"
            )
    problems = [*verify(model).problems, *_broken_weights(model)]
    if problems:
        raise RefusedError(
            f"version {model.version} is not promoted: {'; '.join(problems)}"
        )


def _require_comparable(model: ServedModel, now: ServedModel | None) -> None:
    """Refuses where both were judged on too few of the same images to tell chance."""
    if now is None:
        return
    own, served = _judged(model), _judged(now)
    shared = len(common_images(served, own).later.columns.image_ids)
    sizes = (len(judged.columns.image_ids) for judged in (own, served))
    least = min(LEAST_SHARED_IMAGES, *sizes)
    if shared < least:
        raise RefusedError(
            f"version {model.version} is not promoted: {shared} of the images that "
            "both versions were judged on are the same and annotated alike, and "
            f"{least} are needed; "
            "`voc-pipeline evaluate` asks both about the same images, and "
            "`voc-pipeline bless` pushes a model on your word"
        )


def _require_budgets(model: ServedModel, now: ServedModel | None) -> None:
    """Refuses what is over a budget of the serving check, of either's run.

    Times are those of each version's own run: no model is asked here.
    """
    own = model.record.serving if model.record else {}
    findings: dict[str, Any] = {
        name: own.get(name) for name in ("ms_per_image", "memory_mib")
    }
    size = export_bytes(model.path)
    findings["size_mib"] = round(size / 2**20, 2)
    if now is not None:
        findings["size_ratio"] = round(size / export_bytes(now.path), 3)
        served_ms = now.record.serving.get("ms_per_image") if now.record else None
        if served_ms and own.get("ms_per_image"):
            findings["ms_ratio"] = round(own["ms_per_image"] / served_ms, 3)
    over = []
    for config in _configs_of(ServingCheckConfig, "serving_check", model, now):
        outcomes = budget_outcomes(findings, config, serves=now is not None)
        over += [one["reason"] for one in outcomes if not one["passed"]]
        over += [
            f"nothing tells whether it is within {budget}"
            for budget in unmeasured(findings, config, serves=now is not None)
        ]
    if over:
        told = "; ".join(dict.fromkeys(over))
        raise RefusedError(f"version {model.version} is not promoted: {told}")


def _broken_weights(model: ServedModel) -> list[str]:
    """What the first verdict said of the weights: images do not tell it again."""
    outcomes = model.record.verdict.get("outcomes", ()) if model.record else ()
    return [
        one["reason"]
        for one in outcomes
        if one["rule"] == WEIGHTS_RULE and not one["passed"]
    ]


def _gates_of(model: ServedModel, now: ServedModel | None) -> list[GateConfig]:
    """The gate of the run that made the model, and that of what serves, the last.

    A trial's gate may ask for less than that of the place where the model is to serve.
    """
    gates = _configs_of(GateConfig, "gate", model, now)
    if not gates:
        raise UserError(
            f"nothing tells by which gate version {model.version} is to be judged: no "
            "run of this program pushed it; `voc-pipeline bless` pushes it on your word"
        )
    return gates if gates[0] != gates[-1] else gates[:1]


def _configs_of(
    kind: type[ConfigT], name: str, *models: ServedModel | None
) -> list[ConfigT]:
    """A part of the config of each run that made one of these, where it is known.

    Without the fields of a newer program.
    """
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    told = [one.record.origin.get(name) for one in models if one and one.record]
    known = [{n: v for n, v in part.items() if n in fields} for part in told if part]
    return [from_mapping(kind, part, name) for part in known]


def _judged_of(now: ServedModel | None) -> Any:
    return _judged(now) if now else None


def _judged(model: ServedModel) -> Any:
    kept = judged_images(model)
    if kept is None:
        raise UserError(
            f"version {model.version} has no judged images with it, so nothing can be "
            "compared; `voc-pipeline bless` pushes a model on your word"
        )
    return kept


def _copy(
    model: ServedModel,
    digest: str,
    now: ServedModel | None,
    destination: str,
    verdict: Verdict,
    because: str,
) -> ServedModel:
    """Copies the version, its images with it, and writes down who let it serve."""
    version = next_version(destination)
    decision = signed(
        Decision(
            action=PROMOTE,
            version=version,
            model_digest=digest,
            because=because,
            serves=version,
            serves_digest=digest,
            replaces=now.version if now else None,
            replaces_digest=model_digest(now.path) if now else "",
        )
    )
    is_here = os.path.dirname(model.path) == destination
    record = dataclasses.replace(
        model.record or PushRecord(fingerprint="", judged_against="", model_digest=""),
        judged_against=now.identity if now else "",
        copy_of=model.version if is_here else None,
        pushed_at=decision.when,
        pushed_by=decision.who,
        promotion={
            "from": model.path,
            "because": because,
            "verdict": verdict.as_dict(),
        },
    )
    final = folders.inside(destination, str(version))
    copy_version(model.path, final, record)
    write_down(destination, decision)
    return ServedModel(version, final, record)
