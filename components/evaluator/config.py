"""What a candidate must reach to be served."""

import dataclasses
from typing import Literal

from schemas.config_rules import refuse_unless
from trainer.metrics.protocol import DifficultMode

GateSplit = Literal["auto", "test", "eval"]
# Of 1,000 resamples a share of .9 is uncertain by .01, one standard error.
_LEAST_RESAMPLES = 1000
SLICED_BY = ("object_side", "image_side", "brightness")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SliceFloor:
    """Some of the objects that are judged on, and what their mAP must reach.

    A range is `[LEAST, MOST]`, both ends inside; an object or image is in the slice if
    it is in all the ranges given.

    Attributes:
      name: of the slice, as the verdict calls it.
      class_name: of its objects; "" for all classes.
      object_side: of its objects: px, the side of a square of the same area.
      image_side: of its images, likewise.
      brightness: of its images: mean of their gray levels, 0..1.
      min_map: least mAP there (0..1), or None for no such bound.
      max_drop: by how much mAP there may fall short of the served model's before the
        candidate is refused, as surely as `worse_probability` says; None: by any.
      min_objects: fewer are not judged, and the verdict says so; none are refused.
    """

    name: str
    class_name: str = ""
    object_side: tuple[float, float] | None = None
    image_side: tuple[float, float] | None = None
    brightness: tuple[float, float] | None = None
    min_map: float | None = None
    max_drop: float | None = None
    min_objects: int = 20

    def __post_init__(self) -> None:
        """Refuses a slice of everything or nothing, and one without a bound."""
        refuse_unless(bool(self.name.strip()), "a name", repr(self.name))
        ranges = {name: getattr(self, name) for name in SLICED_BY}
        if not self.class_name and not any(ranges.values()):
            raise ValueError(
                f"the slice {self.name!r} is all objects: set class_name or one of "
                f"{', '.join(SLICED_BY)}"
            )
        for name, ends in ranges.items():
            if ends is not None:
                refuse_unless(0 <= ends[0] <= ends[1], f"0 <= {name} ascending", ends)
        if self.brightness:
            brightest = self.brightness[1]
            refuse_unless(brightest <= 1, "brightness <= 1", brightest)
        if self.min_map is None and self.max_drop is None:
            raise ValueError(
                f"the slice {self.name!r} has no bound: set min_map or max_drop"
            )
        for name in ("min_map", "max_drop"):
            bound = getattr(self, name)
            if bound is not None:
                refuse_unless(0 <= bound <= 1, f"0 <= {name} <= 1", bound)
        refuse_unless(self.min_objects >= 1, "min_objects >= 1", self.min_objects)


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
      slices: parts of the split, each with bounds of its own.
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
    slices: tuple[SliceFloor, ...] = ()
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
        names = [floor.name for floor in self.slices]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two slices are named {name!r}")
