"""From TFMA's files of one split to what the gate judges by."""

import dataclasses
from collections.abc import Sequence

from components.baseline import served_detector
from components.evaluator import evaluation
from components.evaluator.config import GateConfig
from components.evaluator.judged_evidence import Measured, evidence_of
from components.evaluator.judgement import Evidence


@dataclasses.dataclass(frozen=True)
class Judged:
    """The two models that are compared, as SavedModels; served_path is "" for none."""

    candidate_path: str
    served_path: str


def gather(
    config: GateConfig,
    judged: Judged,
    result: evaluation.SplitResult,
    class_names: Sequence[str],
    split: str,
) -> Evidence:
    """Everything that a rule of the gate asks for."""
    evidence = evidence_of(
        config,
        split,
        class_names,
        _measured(result, evaluation.CANDIDATE),
        _measured(result, evaluation.BASELINE)
        if evaluation.BASELINE in result.names
        else None,
    )
    return dataclasses.replace(
        evidence,
        broken_variables=served_detector.variables_that_are_no_numbers(
            judged.candidate_path
        ),
        served_classes=served_detector.class_names(judged.served_path)
        if judged.served_path
        else (),
    )


def _measured(result: evaluation.SplitResult, model: str) -> Measured:
    return Measured(result.images(model), result.metrics[model])
