"""What a candidate must reach to be served."""

import dataclasses
from typing import Literal

from schemas.config_rules import refuse_unless
from trainer.metrics.protocol import DifficultMode

GateSplit = Literal["auto", "test", "eval"]
# Of 1,000 resamples a share of .9 is uncertain by .01, one standard error.
_LEAST_RESAMPLES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig:
    """What a candidate must reach on the gate's split to be served.

    Attributes:
      split: that is judged on: `test`, `eval`, or `auto`, which is test where there
        is one. The eval split also chooses the checkpoint, which flatters a model.
      min_map: least mAP (COCO AP@[.50:.95], 0..1), or None for no such bound.
      min_ap50: least AP50 (0..1), or None for no such bound.
      max_map_drop: by how much (absolute mAP) the candidate may fall short of the
        model that serves now.
      worse_probability: how sure it must be that the candidate falls short by more
        for it to be refused, in (.5, 1]. Of resamples of the split's images, the
        share in which it does.
      push_equal: whether a candidate that is neither surely worse nor surely better
        than the served model is pushed.
      resamples: how many are drawn.
      max_class_drop: by how much the AP of a class may fall, likewise; None: by any.
      class_drop_objects: objects of a class from which its AP is compared.
      min_class_objects: objects that each class must have on the split.
      allow_no_detections: whether a model that detects nothing may pass.
      allow_lost_classes: names of classes that the served model knows and the
        candidate need not.
      difficult: how objects flagged difficult count: `ignore` (neither hit nor
        miss, as VOC does), `crowd`, or `plain`.
    """

    split: GateSplit = "auto"
    min_map: float | None = None
    min_ap50: float | None = None
    max_map_drop: float = 0.0
    worse_probability: float = 0.9
    push_equal: bool = True
    resamples: int = 1000
    max_class_drop: float | None = 0.1
    class_drop_objects: int = 20
    min_class_objects: int = 1
    allow_no_detections: bool = False
    allow_lost_classes: tuple[str, ...] = ()
    difficult: DifficultMode = "ignore"

    def __post_init__(self) -> None:
        """Refuses a gate that could not refuse anything."""
        if self.min_map is None and self.min_ap50 is None:
            raise ValueError("the gate needs a threshold: set min_map or min_ap50")
        for name in ("min_map", "min_ap50", "max_map_drop", "max_class_drop"):
            bound = getattr(self, name)
            if bound is not None:
                refuse_unless(0 <= bound <= 1, f"0 <= {name} <= 1", bound)
        sure = self.worse_probability
        refuse_unless(0.5 < sure <= 1, ".5 < worse_probability <= 1", sure)
        enough = self.resamples >= _LEAST_RESAMPLES
        refuse_unless(enough, f"resamples >= {_LEAST_RESAMPLES}", self.resamples)
