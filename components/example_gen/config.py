"""What an operator may decide about ingest."""

import dataclasses
import json
import math
from typing import Any

from schemas.label_map import LabelMap

UNKNOWN_CLASS_CHOICES = ("stop", "drop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """Ingest settings; JSON on the wire between the DAG and the stage.

    `label_map` holds class names in id order; without it the classes are the data's,
    in alphabetical order. The fractions apply where the data set brings no image sets;
    with `ensure_splits` they also carve a missing train or eval split out of the other
    (a detector cannot be trained without both). `processes` 0 means one a core, which
    is right on one machine; a cluster runner, which brings its own, wants 1.
    """

    label_map: tuple[str, ...] | None = None
    unknown_class: str = "stop"
    train_fraction: float = 0.8
    eval_fraction: float = 0.2
    test_fraction: float = 0.0
    ensure_splits: bool = True
    min_box_px: float = 2.0
    min_inside: float = 0.5
    swap_inverted: bool = False
    max_objects: int = 1000
    max_pixels: int = 64_000_000
    max_file_bytes: int = 128 * 1024 * 1024
    max_rejected_images: float = 0.05
    allow_leaks: bool = False
    follow_symlinks: bool = False
    images_per_shard: int = 256
    gzip: bool = False
    processes: int = 0

    def __post_init__(self) -> None:
        if self.label_map is not None:
            if not self.label_map:
                raise ValueError("label_map names at least one class, or is left out")
            object.__setattr__(self, "label_map", LabelMap(tuple(self.label_map)).names)
        if self.unknown_class not in UNKNOWN_CLASS_CHOICES:
            raise ValueError(
                f"unknown_class is one of {UNKNOWN_CLASS_CHOICES}, "
                f"got {self.unknown_class!r}"
            )
        self._check_fractions()
        self._check_limits()

    def _check_fractions(self) -> None:
        fractions = (self.train_fraction, self.eval_fraction, self.test_fraction)
        if min(fractions) < 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
            raise ValueError(
                "train_fraction, eval_fraction and test_fraction are >= 0 and add up "
                f"to 1, got {fractions}"
            )
        for name in ("min_inside", "max_rejected_images"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is in 0..1, got {getattr(self, name)}")

    def _check_limits(self) -> None:
        if not self.min_box_px >= 0:
            raise ValueError(f"min_box_px is >= 0, got {self.min_box_px}")
        for name in ("max_objects", "max_pixels", "max_file_bytes", "images_per_shard"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is >= 1, got {getattr(self, name)}")
        if self.processes < 0:
            raise ValueError(f"processes is >= 0, got {self.processes}")

    def to_json(self) -> str:
        """One line of JSON with every field, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "IngestConfig":
        """Reads to_json's text; a field that does not exist lists those that do."""
        values: dict[str, Any] = json.loads(text) if text.strip() else {}
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"ingest config has no field {', '.join(unknown)}; "
                f"there are: {', '.join(known)}"
            )
        if values.get("label_map") is not None:
            values["label_map"] = tuple(values["label_map"])
        return cls(**values)
