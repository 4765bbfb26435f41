"""What an export may lose against the served model."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Of mAP, and of any class's AP50; 0..1."""

    mean_ap: float = 0.01
    class_ap50: float = 0.05
