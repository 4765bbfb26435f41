"""What a COCO evaluation measures: thresholds, area ranges, detections per image."""

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

DifficultMode = Literal["plain", "crowd", "ignore"]
DIFFICULT_MODES: tuple[DifficultMode, ...] = get_args(DifficultMode)

WORD_BITS = 64


@dataclasses.dataclass(frozen=True)
class AreaRange:
    """Boxes whose area lies in [low_px2, high_px2]; both ends count."""

    name: str
    low_px2: float
    high_px2: float

    def __post_init__(self) -> None:
        if not 0 <= self.low_px2 <= self.high_px2:
            raise ValueError(
                f"area range {self.name!r} needs 0 <= low <= high, "
                f"got {self.low_px2}, {self.high_px2}"
            )


# The ranges of pycocotools: 32 and 96 pixels squared, and 1e5 squared for "no end".
COCO_AREA_RANGES = (
    AreaRange("all", 0.0, 1e10),
    AreaRange("small", 0.0, 32.0**2),
    AreaRange("medium", 32.0**2, 96.0**2),
    AreaRange("large", 96.0**2, 1e10),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CocoProtocol:
    """The defaults are pycocotools' for boxes.

    The first area range is the one AP, AP50 and AR are read from; the last of
    `max_dets` limits the detections of one class in one image.
    """

    # linspace, not 0.5 + 0.05 * i: the thresholds must be pycocotools' to the last bit.
    iou_thresholds: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
    recall_thresholds: tuple[float, ...] = tuple(np.linspace(0.0, 1.0, 101).tolist())
    area_ranges: tuple[AreaRange, ...] = COCO_AREA_RANGES
    max_dets: tuple[int, ...] = (1, 10, 100)

    def __post_init__(self) -> None:
        ious = np.asarray(self.iou_thresholds)
        if not (0 < len(ious) <= WORD_BITS):
            raise ValueError(f"need 1 to {WORD_BITS} IoU thresholds, got {len(ious)}")
        if not (_increasing(ious) and ious[0] > 0 and ious[-1] <= 1):
            raise ValueError(
                f"IoU thresholds must increase within (0, 1], got {self.iou_thresholds}"
            )
        recalls = np.asarray(self.recall_thresholds)
        if not (len(recalls) and _increasing(recalls)):
            raise ValueError("recall thresholds must increase, and there must be one")
        if not self.area_ranges:
            raise ValueError("there must be an area range")
        dets = np.asarray(self.max_dets)
        if not (len(dets) and _increasing(dets) and dets[0] > 0 and dets[-1] < 2**16):
            raise ValueError(
                f"max_dets must increase within 1..65535, got {self.max_dets}"
            )

    @property
    def areas_per_word(self) -> int:
        """How many area ranges share one 64-bit word of matches."""
        return WORD_BITS // len(self.iou_thresholds)

    @property
    def num_runs(self) -> int:
        """Matchings: one for each area range and IoU threshold."""
        return len(self.area_ranges) * len(self.iou_thresholds)

    @property
    def num_words(self) -> int:
        """Words that hold one bit for each (area range, IoU threshold)."""
        return math.ceil(len(self.area_ranges) / self.areas_per_word)

    def bit(self, area: int, threshold: int) -> tuple[int, int]:
        """The word and the bit in it that stand for one matching."""
        word, area_in_word = divmod(area, self.areas_per_word)
        return word, area_in_word * len(self.iou_thresholds) + threshold

    def areas_holding(self, area_px2: NDArray[np.float64]) -> NDArray[np.bool_]:
        """area_px2 [N] -> [N, A], true where the area lies in the range."""
        low = np.array([area.low_px2 for area in self.area_ranges])
        high = np.array([area.high_px2 for area in self.area_ranges])
        return (area_px2[:, None] >= low) & (area_px2[:, None] <= high)


def _increasing(values: NDArray[np.float64]) -> bool:
    return bool(np.all(np.diff(values) > 0))
