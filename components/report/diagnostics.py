"""The curves, the confusion matrix and the errors' prices, of one model."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from components.report.findings import Findings
from trainer.metrics.assignment import Assignment, assign
from trainer.metrics.confusion import confusion_matrix
from trainer.metrics.error_types import ErrorReport, analyse_errors
from trainer.metrics.score_curves import score_curve

ALL_CLASSES = "all classes"
_POINTS = 120  # of a curve: what a screen shows
_POINTS_OF_A_MODEL = 6000  # of all its curves: what a page can hold


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Precision, recall and F1 by score, and where F1 is best.

    Attributes:
      points: dicts of `score`, `precision`, `recall`, `f1`, by falling score.
      best: the point with the best F1; None where there is no hit.
    """

    points: list[dict[str, float]]
    best: dict[str, float] | None


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnostics:
    """At IoU .5.

    Attributes:
      curves: class name, or ALL_CLASSES -> its curve.
      confusion: [K + 1, K + 1] at the threshold; rows are the ground truth's classes
        and then background, columns the detections' and then "not found".
      errors: TIDE's kinds, their counts and prices.
    """

    curves: Mapping[str, Curve]
    confusion: NDArray[np.int64]
    errors: ErrorReport


def diagnose(findings: Findings, model: str) -> Diagnostics | None:
    """Diagnostics of a model; None where it gave NaN or infinity."""
    columns = findings.columns[model]
    if not columns.has_only_numbers:
        return None
    assignment = assign(
        columns.ground_truths(),
        columns.detections(),
        num_classes=len(findings.class_names),
        difficult=findings.difficult,
    )
    names = findings.class_names
    points = min(_POINTS, _POINTS_OF_A_MODEL // (len(names) + 1))
    return Diagnostics(
        curves={ALL_CLASSES: _curve(assignment, None, points)}
        | {name: _curve(assignment, k, points) for k, name in enumerate(names)},
        confusion=confusion_matrix(assignment, findings.threshold),
        errors=analyse_errors(assignment),
    )


def _curve(assignment: Assignment, class_id: int | None, points_shown: int) -> Curve:
    curve = score_curve(assignment, class_id)
    best = curve.best()
    if best is not None and not curve.f1[best]:
        best = None  # with no hit no threshold is a best one
    shown = set(np.linspace(0, max(len(curve.score) - 1, 0), points_shown).astype(int))
    shown |= set() if best is None else {best}
    points = {
        row: {
            "score": round(float(curve.score[row]), 4),
            "precision": round(float(curve.precision[row]), 4),
            "recall": round(float(curve.recall[row]), 4),
            "f1": round(float(curve.f1[row]), 4),
        }
        for row in sorted(shown)
        if row < len(curve.score)
    }
    return Curve(list(points.values()), None if best is None else points[best])
