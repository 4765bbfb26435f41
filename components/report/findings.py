"""What a page is about: one evaluated split, and whatever else is known of the run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluator.config import SliceFloor
from components.evaluator.image_columns import ImageColumns
from trainer.metrics.protocol import DifficultMode

CANDIDATE, SERVED = "candidate", "served"
Metrics = Mapping[str, float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """What the stages, or `voc-pipeline evaluate`, found out.

    Attributes:
      title: of the page.
      class_names: by class id.
      difficult: how objects flagged difficult count.
      split: whose images are shown: the one that was judged on.
      metrics: split -> model (`candidate`, `served`) -> metric name -> value, None
        where there is no ground truth to find.
      columns: model -> every image of `split` with objects and detections.
      thresholds: the least scores with the best F1: `split`, `overall`, `by_class`.
      verdict: of the gate; None where none judged.
      serving: what the serving check found, likewise.
      history: rows of the training, a column name -> number each.
      facts: what it was made from: name -> value.
      config: of the run, by field.
      slices: parts of the split that the gate's config names.
      min_score: detections below are not shown in the images.
    """

    title: str
    class_names: Sequence[str]
    difficult: DifficultMode
    split: str
    metrics: Mapping[str, Mapping[str, Metrics]]
    columns: Mapping[str, ImageColumns]
    thresholds: Mapping[str, Any]
    verdict: Mapping[str, Any] | None = None
    serving: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, float]] = ()
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    slices: Sequence[SliceFloor] = ()
    min_score: float = 0.3

    @property
    def threshold(self) -> float:
        """The score from which on detections count in the browser, at first."""
        overall = self.thresholds.get("overall")
        return self.min_score if overall is None else float(overall)

    @property
    def compared(self) -> bool:
        """Whether a served model was measured on the same images."""
        return SERVED in self.columns


@dataclasses.dataclass(frozen=True)
class ImageFacts:
    """What the examples say of an image, without its pixels.

    width, height: px as stored; orientation: EXIF's, 1 to 8, in which it is shown.
    brightness: mean of its gray levels, 0..1; NaN where it is not known.
    mended: a record of `schemas.mended_labels`, "" where no label was mended.
    """

    filename: str
    width: int
    height: int
    brightness: float
    orientation: int = 1
    mended: str = ""
