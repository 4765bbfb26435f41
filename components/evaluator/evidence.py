"""From TFMA's files of one split to what the gate judges by."""

import dataclasses
from collections.abc import Sequence

from components.baseline import served_detector
from components.evaluator import difference, evaluation
from components.evaluator.config import GateConfig
from components.evaluator.judgement import Evidence
from components.evaluator.slices import slice_evidence
from trainer.metrics.bootstrap import draw_images

_SEED = 0  # of the resamples: the same images and models have the same verdict


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
    candidate = result.columns[evaluation.CANDIDATE]
    baseline = result.columns.get(evaluation.BASELINE)
    draws = draw_images(
        len(candidate.image_ids), config.resamples if baseline else 0, _SEED
    )
    changes = baseline and difference.bootstrap_differences(
        candidate,
        baseline,
        class_names=class_names,
        difficult=config.difficult,
        weights=draws,
    )
    slices = [
        slice_evidence(
            floor,
            candidate,
            baseline,
            class_names=class_names,
            difficult=config.difficult,
            weights=draws,
        )
        for floor in config.slices
    ]
    return Evidence(
        split=split,
        images=len(candidate.image_ids),
        objects=difference.counted_objects(candidate, class_names, config.difficult),
        detections=len(candidate.scores),
        candidate=result.metrics[evaluation.CANDIDATE],
        baseline=result.metrics.get(evaluation.BASELINE),
        broken_variables=served_detector.variables_that_are_no_numbers(
            judged.candidate_path
        ),
        served_classes=served_detector.class_names(judged.served_path)
        if judged.served_path
        else (),
        changes=changes.mean_ap.tolist() if changes else (),
        class_changes=changes.by_class if changes else {},  # type: ignore[arg-type]
        slices=slices,
    )
