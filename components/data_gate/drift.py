"""Distances between the distributions of two spans; plain arithmetic."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from components.data_gate.chance import (
    kolmogorov_smirnov_by_chance,
    none_by_chance,
    total_variation_by_chance,
)
from components.data_gate.config import DriftConfig

# (low, high, count), in ascending order, as TFDV's histograms have them
Buckets = Sequence[tuple[float, float, float]]
Values = npt.NDArray[np.float64]
_POINTS = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpanProfile:
    """What drift is measured on, of one split of one span.

    Attributes:
      class_counts: objects of each class.
      box_size, brightness, objects_per_image: their distributions.
      images: how many there are.
      independent_objects: how many of images of their own would say as much of
        classes and boxes (`chance.independent_objects`).
    """

    class_counts: Mapping[str, float]
    box_size: Buckets
    brightness: Buckets
    objects_per_image: Buckets
    images: float
    independent_objects: float


@dataclasses.dataclass(frozen=True)
class DriftResult:
    """One distance beside its limit, and beside what chance may do.

    Attributes:
      name: of the measure.
      distance: of the two spans.
      limit: that the config sets.
      by_chance: what two draws of one source may differ by; a difference within it
        says nothing, whatever the limit is.
    """

    name: str
    distance: float
    limit: float
    by_chance: float = 0.0

    @property
    def over(self) -> bool:
        """Whether limit and chance are passed; at the limit is within."""
        return self.distance > max(self.limit, self.by_chance)

    def as_text(self) -> str:
        """One line for messages and logs."""
        limit = f"{self.limit:g}"
        if self.by_chance > self.limit:
            limit = f"{self.by_chance:.3f} (by chance; limit {limit})"
        relation = "over" if self.over else "within"
        return f"{self.name}: {self.distance:.3f}, {relation} {limit}"


def total_variation(now: Mapping[str, float], before: Mapping[str, float]) -> float:
    """Half the sum of differences in share, 0 (same mix) .. 1 (nothing in common)."""
    now_total, before_total = sum(now.values()), sum(before.values())
    if not now_total or not before_total:
        return float(bool(now_total) != bool(before_total))
    return 0.5 * sum(
        abs(now.get(name, 0) / now_total - before.get(name, 0) / before_total)
        for name in {*now, *before}
    )


def _cumulative(buckets: Buckets, points: Values) -> Values:
    """Share of the mass at or below each point; even spread within a bucket."""
    total = sum(count for _, _, count in buckets)
    mass: Values = np.zeros(len(points))
    for low, high, count in buckets:
        if high > low:
            mass += count * np.clip((points - low) / (high - low), 0, 1)
        else:
            mass += count * (points >= low)
    return mass / total


def kolmogorov_smirnov(now: Buckets, before: Buckets) -> float:
    """Largest difference of two distribution functions, 0..1."""
    has_now = any(count for _, _, count in now)
    has_before = any(count for _, _, count in before)
    if not has_now or not has_before:
        return float(has_now != has_before)
    edges = [edge for low, high, _ in (*now, *before) for edge in (low, high)]
    grid = np.linspace(min(edges), max(edges), _POINTS)
    points = np.unique(np.concatenate([grid, np.asarray(edges, np.float64)]))
    return float(np.max(np.abs(_cumulative(now, points) - _cumulative(before, points))))


def _one_lost_its_objects(now: SpanProfile, before: SpanProfile, rate: float) -> bool:
    """Whether one has no object, and images enough to expect some as of the other."""
    for none, some in ((now, before), (before, now)):
        if some.images and some.independent_objects and not none.independent_objects:
            expected = none.images * some.independent_objects / some.images
            return not none_by_chance(expected, rate)
    return False


def compare(
    now: SpanProfile, before: SpanProfile, config: DriftConfig
) -> tuple[DriftResult, ...]:
    """Every distance beside its limit, over or not."""
    rate = config.false_alarm_rate
    both = {
        name: now.class_counts.get(name, 0) + before.class_counts.get(name, 0)
        for name in {*now.class_counts, *before.class_counts}
    }
    of_objects = now.independent_objects, before.independent_objects
    objects_by_chance = kolmogorov_smirnov_by_chance(*of_objects, rate)
    mix_by_chance = total_variation_by_chance(both, *of_objects, rate)
    if _one_lost_its_objects(now, before, rate):
        objects_by_chance = mix_by_chance = 0.0
    images_by_chance = kolmogorov_smirnov_by_chance(now.images, before.images, rate)
    return (
        DriftResult(
            "class mix",
            total_variation(now.class_counts, before.class_counts),
            config.max_class_mix,
            mix_by_chance,
        ),
        DriftResult(
            "box size",
            kolmogorov_smirnov(now.box_size, before.box_size),
            config.max_box_size,
            objects_by_chance,
        ),
        DriftResult(
            "brightness",
            kolmogorov_smirnov(now.brightness, before.brightness),
            config.max_brightness,
            images_by_chance,
        ),
        DriftResult(
            "objects per image",
            kolmogorov_smirnov(now.objects_per_image, before.objects_per_image),
            config.max_objects_per_image,
            images_by_chance,
        ),
    )
