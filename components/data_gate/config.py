"""How far a span of data may differ from an earlier one."""

import dataclasses
from typing import Literal

from schemas.config_rules import refuse_unless


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftConfig:
    """Thresholds on distances between two spans, each 0..1, and what follows.

    A span drifts where a distance passes its threshold and what chance may do to two
    draws of one source of so few images, too (`chance.py`).

    Class mix is compared by total variation: half the sum over classes of the
    difference in their shares, the share of objects that would have to change class.
    Box size, brightness and objects per image are compared by the largest difference
    of their distribution functions (Kolmogorov-Smirnov). `on_drift` says whether the
    run stops or goes on; both are recorded.

    Attributes:
      max_class_mix: largest total variation of the classes' shares (to 1).
      max_box_size: largest difference of the distributions of box sizes (to 1).
      max_brightness: likewise of brightness (to 1).
      max_objects_per_image: likewise of objects per image (to 1).
      false_alarm_rate: share of spans without drift, whatever their size, that one
        measure may refuse (to 0.5).
      split: that is compared.
      on_drift: stop the run, or go_on and record it.
    """

    max_class_mix: float = 0.15
    max_box_size: float = 0.2
    max_brightness: float = 0.25
    max_objects_per_image: float = 0.25
    false_alarm_rate: float = 0.001
    split: str = "train"
    on_drift: Literal["stop", "go_on"] = "stop"

    def __post_init__(self) -> None:
        """Refuses thresholds that could never or always fire by mistake."""
        for name in (
            "max_class_mix",
            "max_box_size",
            "max_brightness",
            "max_objects_per_image",
        ):
            value = getattr(self, name)
            refuse_unless(0 < value <= 1, f"0 < {name} <= 1", value)
        rate = self.false_alarm_rate
        refuse_unless(1e-6 <= rate <= 0.5, "1e-6 <= false_alarm_rate <= 0.5", rate)
