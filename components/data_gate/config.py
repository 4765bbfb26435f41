"""How far a span of data may differ from an earlier one."""

import dataclasses
import json
from typing import Any

ON_DRIFT_CHOICES = ("stop", "go_on")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftConfig:
    """Thresholds on distances between two spans, each 0..1, and what follows.

    Class mix is compared by total variation: half the sum over classes of the
    difference in their shares, the share of objects that would have to change class.
    Box size, brightness and objects per image are compared by the largest difference
    of their distribution functions (Kolmogorov-Smirnov). `on_drift` says whether the
    run stops or goes on; both are recorded.
    """

    max_class_mix: float = 0.15
    max_box_size: float = 0.2
    max_brightness: float = 0.25
    max_objects_per_image: float = 0.25
    split: str = "train"
    on_drift: str = "stop"

    def __post_init__(self) -> None:
        """Refuses thresholds that could never or always fire by mistake."""
        for name in (
            "max_class_mix",
            "max_box_size",
            "max_brightness",
            "max_objects_per_image",
        ):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"need 0 < {name} <= 1, got {getattr(self, name)}")
        if self.on_drift not in ON_DRIFT_CHOICES:
            raise ValueError(
                f"on_drift is one of {ON_DRIFT_CHOICES}, got {self.on_drift!r}"
            )

    def to_json(self) -> str:
        """This config as JSON, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "DriftConfig":
        """The inverse of `to_json`; an unknown field lists the known."""
        values: dict[str, Any] = json.loads(text) if text.strip() else {}
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"drift config has no field {', '.join(unknown)}; "
                f"there are: {', '.join(known)}"
            )
        return cls(**values)
