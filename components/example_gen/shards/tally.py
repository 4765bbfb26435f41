"""Counts of a run: small, mergeable, JSON on the wire."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from components.example_gen.examination.examine import Examined

COUNTED = (
    "images_in",
    "images_written",
    "images_rejected",
    "objects_in",
    "objects_written",
    "objects_dropped",
    "objects_repaired",
)


@dataclasses.dataclass
class Tally:
    """Counters by name; adding two is all that merging takes."""

    totals: Counter[str] = dataclasses.field(default_factory=Counter)
    splits: Counter[str] = dataclasses.field(default_factory=Counter)
    objects_of_split: Counter[str] = dataclasses.field(default_factory=Counter)
    classes: Counter[str] = dataclasses.field(default_factory=Counter)
    images_of_class: Counter[str] = dataclasses.field(default_factory=Counter)
    reasons: Counter[str] = dataclasses.field(default_factory=Counter)
    unknown_classes: Counter[str] = dataclasses.field(default_factory=Counter)
    causes: Counter[str] = dataclasses.field(default_factory=Counter)
    areas: Counter[str] = dataclasses.field(default_factory=Counter)
    aspects: Counter[str] = dataclasses.field(default_factory=Counter)
    objects_per_image: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(self, examined: Examined, split: str) -> None:
        """Counts one examined item."""
        for finding in examined.findings:
            self.reasons[finding.reason] += 1
            if finding.reason == "unknown_class":
                self.unknown_classes[finding.detail] += 1
        self.causes.update(examined.causes)
        self.totals["ymax_is_xmin"] += examined.ymax_is_xmin
        self.totals["images_in"] += 1
        self.totals["objects_in"] += examined.objects_in
        self.totals["objects_repaired"] += examined.objects_repaired
        example = examined.example
        if example is None:
            self.totals["images_rejected"] += 1
            self.totals["objects_dropped"] += examined.objects_in
            return
        self.totals["images_doubtful"] += examined.doubtful
        written = len(example.boxes)
        self.totals["images_written"] += 1
        self.totals["objects_written"] += written
        self.totals["objects_dropped"] += examined.objects_in - written
        for flag in ("difficult", "truncated", "occluded"):
            self.totals[flag] += int(np.count_nonzero(getattr(example, flag)))
        self.totals["parts"] += len(example.part_names)
        self.splits[split] += 1
        self.objects_of_split[split] += written
        self.classes.update(example.class_names)
        self.images_of_class.update(set(example.class_names))
        self.objects_per_image[str(written)] += 1
        self._add_shapes(example.boxes.tolist(), example.width * example.height)

    def _add_shapes(self, boxes: list[list[float]], image_px2: int) -> None:
        """Powers of two: of the part of the image, and of height / width."""
        for xmin, ymin, xmax, ymax in boxes:
            width, height = xmax - xmin, ymax - ymin
            area = math.log2(width * height / image_px2)
            self.areas[str(_bin(area, -14, 0, 1.0))] += 1
            self.aspects[str(_bin(math.log2(height / width), -4, 4, 0.5))] += 1

    def merge(self, other: "Tally") -> "Tally":
        """The sum of both; neither is changed."""
        return Tally(
            *(
                getattr(self, field.name) + getattr(other, field.name)
                for field in dataclasses.fields(self)
            )
        )

    def in_order(self) -> "Tally":
        """The same counts, by name: no word of the order in which shards ended."""
        fields = dataclasses.fields(self)
        counters = (sorted(getattr(self, field.name).items()) for field in fields)
        return Tally(*(Counter(dict(counts)) for counts in counters))

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Plain dictionaries, for JSON."""
        fields = dataclasses.fields(self)
        return {field.name: dict(getattr(self, field.name)) for field in fields}

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, int]]) -> "Tally":
        """Reads to_dict's dictionaries."""
        return cls(**{name: Counter(counts) for name, counts in values.items()})


def _bin(value: float, low: float, high: float, step: float) -> float:
    """Lower edge of the bin that a value falls in; the outer bins are open."""
    return min(max(math.floor(value / step) * step, low), high - step)
