"""Slices of the gate that nothing can be in, known before a model is trained.

Statistics know the ends of what there is, not each image: a slice inside of them may
still turn out to be empty, which the gate then says.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas import tf_example
from schemas.did_you_mean import did_you_mean
from schemas.user_error import ModelRefusedError, UserError

Ranges = Mapping[str, tuple[float, float]]
_WHAT = {
    "object_side": "objects' sides",
    "image_side": "images' sides",
    "brightness": "images' brightness",
}


def sides_and_brightness(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> Ranges:
    """Between what ends each measure of a slice lies in a split; unknown ones lack.

    The ends of the sides are outer bounds: those of an image whose width and height
    are both the smallest, or both the largest, that the split has.
    """
    ends = {
        feature.path.step[0]: (feature.num_stats.min, feature.num_stats.max)
        for dataset in statistics.datasets
        for feature in dataset.features
        if feature.path.step and feature.num_stats.common_stats.tot_num_values
    }
    ranges = {}
    if tf_example.BRIGHTNESS in ends:
        ranges["brightness"] = ends[tf_example.BRIGHTNESS]
    if tf_example.WIDTH in ends and tf_example.HEIGHT in ends:
        width, height = ends[tf_example.WIDTH], ends[tf_example.HEIGHT]
        sides = math.sqrt(width[0] * height[0]), math.sqrt(width[1] * height[1])
        ranges["image_side"] = sides
        if tf_example.AREA_REL in ends:
            least, most = map(math.sqrt, ends[tf_example.AREA_REL])
            ranges["object_side"] = least * sides[0], most * sides[1]
    return ranges


def require_slices(
    wanted: Sequence[Mapping[str, Any]],
    classes: Collection[str] | None,
    split: str,
    ranges: Ranges,
) -> None:
    """Refuses, in a line, a slice that no object can be in.

    An unknown class is a mistake (UserError). Data without the sides or the brightness
    of a slice are not: the gate would refuse any model of them (ModelRefusedError).

    Args:
      wanted: the slices of the gate, as their config has them.
      classes: of the data; None where they are not all known.
      split: that is judged on.
      ranges: of that split.
    """
    for one in wanted:
        name = one["class_name"]
        if name and classes is not None and name not in classes:
            raise UserError(
                f"gate.slices has a slice of the class {name!r}; the data have "
                f"{', '.join(sorted(classes))}{did_you_mean(name, classes)}"
            )
        for measure, what in _WHAT.items():
            if one[measure] is None or measure not in ranges:
                continue
            (low, high), (least, most) = one[measure], ranges[measure]
            if high < least or low > most:
                raise ModelRefusedError(
                    f"gate.slices: nothing can be in the slice {one['name']!r}, of "
                    f"{measure} {low:g} to {high:g}: the {what} on {split} lie "
                    f"between {least:.3g} and {most:.3g}"
                )
