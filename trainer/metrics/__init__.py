"""Exact COCO and VOC detection metrics in NumPy, and their Keras face.

`match_images` decides who matches whom, `CocoAccumulator` keeps what the metric
needs of it and merges in any order, `summarise` reads the numbers off.

Imports schemas.
"""

from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.protocol import AreaRange, CocoProtocol
from trainer.metrics.summary import CocoSummary, coco_summary, summarise

__all__ = [
    "AreaRange",
    "CocoAccumulator",
    "CocoProtocol",
    "CocoSummary",
    "Detections",
    "GroundTruths",
    "coco_summary",
    "evaluate_images",
    "summarise",
]
