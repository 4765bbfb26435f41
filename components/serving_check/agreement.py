"""Whether two answers about one image are the same, but for rounding."""

import numpy as np
import numpy.typing as npt

from components.serving_check.asked_images import Answer

# Another batch, or another order of sums, moves a box by thousandths of a pixel.
_BOX_SLACK_PX = 0.5
_SCORE_SLACK = 2e-3
# Non-maximum suppression may turn on a rounding: so many of a hundred may differ.
_UNMATCHED_PER_100 = 2


def disagreement(own: Answer, served: Answer) -> str:
    """The first difference between what a model finds and what is served, or "".

    Detections are matched by class, score and box. One whose score is within the slack
    of the score that the model cuts at (`own.cut_at`) may be missing on either side.
    """
    missing = _unmatched(own, served, own.cut_at)
    extra = _unmatched(served, own, own.cut_at)
    allowed = len(own.scores) * _UNMATCHED_PER_100 // 100
    if len(missing) <= allowed and len(extra) <= allowed:
        return ""
    rows, whose, here = (
        (missing, own, "is not served")
        if len(missing)
        else (extra, served, "is served")
    )
    row = int(rows[0])
    box = ", ".join(f"{side:.0f}" for side in whose.boxes[row])
    return (
        f"{len(missing)} of its own {len(own.scores)} detections are not served, "
        f"{len(extra)} others are; first: {whose.names[row]} "
        f"{whose.scores[row]:.3f} at [{box}] {here}"
    )


def _unmatched(wanted: Answer, given: Answer, cut_at: float) -> npt.NDArray[np.int64]:
    """Rows of `wanted` that have no like in `given`; each like is taken once."""
    free = np.ones(len(given.scores), bool)
    names = np.array(given.names, np.str_)
    rows = []
    for row, (box, score) in enumerate(zip(wanted.boxes, wanted.scores, strict=True)):
        off_px = np.abs(given.boxes - box).max(axis=1)
        alike = free & (names == wanted.names[row]) & (off_px <= _BOX_SLACK_PX)
        alike &= np.abs(given.scores - score) <= _SCORE_SLACK
        if alike.any():
            free[np.where(alike, off_px, np.inf).argmin()] = False
        elif score > cut_at + _SCORE_SLACK:
            rows.append(row)
    return np.array(rows, np.int64)
