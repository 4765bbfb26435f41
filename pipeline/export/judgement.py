"""What an export finds against what the served model finds, in the same pictures."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from components.evaluator.image_columns import ImageColumns
from components.evaluator.score_thresholds import best_thresholds
from pipeline.export.bounds import Bounds
from trainer.metrics.assignment import NOBODY, assign
from trainer.metrics.box_columns import GroundTruths
from trainer.metrics.protocol import DifficultMode
from trainer.metrics.summary import coco_summary

_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Exact numbers of one model, 0..1, and how they differ from the served model's.

    Attributes:
      mean_ap: mAP; None where the model gave NaN or infinity.
      ap50_by_class: -1 for a class without ground truth.
      threshold: score with the best F1 of the served model.
      above: the served model's detections from there on.
      shift: mean of their scores here less there, of those found here; None: of none.
      fallen: how many of them are below the threshold here, or not found.
    """

    mean_ap: float | None
    ap50: float | None
    ap50_by_class: dict[str, float]
    threshold: float | None
    above: int
    shift: float | None
    fallen: int


def judge(
    columns: ImageColumns,
    served: ImageColumns,
    class_names: Sequence[str],
    difficult: DifficultMode = "ignore",
) -> Judgement:
    """The numbers of `columns`, and the shift of its scores from those of `served`."""
    threshold = best_thresholds(served, class_names, difficult, "").overall
    if not columns.has_only_numbers:
        return Judgement(None, None, {}, threshold, 0, None, 0)
    summary = coco_summary(
        columns.ground_truths(),
        columns.detections(),
        image_ids=list(columns.image_ids),
        class_names=class_names,
        difficult=difficult,
    )
    above, shift, fallen = _shift(columns, served, len(class_names), threshold)
    return Judgement(
        mean_ap=summary.metrics["AP"],
        ap50=summary.metrics["AP50"],
        ap50_by_class={n: each["AP50"] for n, each in summary.per_class.items()},
        threshold=threshold,
        above=above,
        shift=shift,
        fallen=fallen,
    )


def _shift(
    columns: ImageColumns,
    served: ImageColumns,
    num_classes: int,
    threshold: float | None,
) -> tuple[int, float | None, int]:
    """Served detections from the threshold on, as objects to be found by the export."""
    if threshold is None:
        return 0, None, 0
    chosen = served.detections()
    chosen = chosen.take(np.flatnonzero(chosen.score >= threshold))
    wanted = GroundTruths(chosen.image, chosen.class_id, chosen.boxes_xywh)
    matching = assign(wanted, columns.detections(), num_classes=num_classes)
    found = matching.ground_truth != NOBODY
    here = matching.detections.score[found].astype(np.float64)
    there = chosen.score[matching.ground_truth[found]].astype(np.float64)
    shift = float(np.mean(here - there)) if found.any() else None
    return len(chosen), shift, len(chosen) - int(np.sum(here >= threshold))


def losses_over(judged: Judgement, served: Judgement, bounds: Bounds) -> list[str]:
    """Why an export is refused; nothing where it keeps what it must."""
    if judged.mean_ap is None or served.mean_ap is None:
        return ["a box or a score is NaN or infinite"]
    reasons = []
    lost = served.mean_ap - judged.mean_ap
    if lost > bounds.mean_ap + _ROUNDING:
        reasons.append(
            f"mAP falls from {served.mean_ap:.4f} to {judged.mean_ap:.4f}, "
            f"by more than {bounds.mean_ap:g}"
        )
    for name, before in served.ap50_by_class.items():
        after = judged.ap50_by_class[name]
        if before - after > bounds.class_ap50 + _ROUNDING:
            reasons.append(
                f"AP50 of {name} falls from {before:.4f} to {after:.4f}, "
                f"by more than {bounds.class_ap50:g}"
            )
    return reasons
