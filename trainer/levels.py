"""The pyramid's finest level by the sizes of the objects that are to be found."""

import dataclasses
import logging

import numpy as np

from trainer.config import TrainerConfig
from trainer.input.records import RecordIndex

_LOG = logging.getLogger(__name__)
MOST = 0.9  # of the objects
# Sides in strides of the finest level. With `cpu_small` at 256 x 320 px P4 in place of
# P3 gained where nine of ten sides were over 6.5 strides of P4 (raccoon), and lost
# where they were over 2.5 (BCCD); see docs/training.md.
STRIDES = 6


def with_fitting_levels(config: TrainerConfig, index: RecordIndex) -> TrainerConfig:
    """The config with the finest level that most of the training objects need.

    Where `levels_from_data` is set and `MOST` of the objects of `index` have a side
    (root of their area, in the frame) of at least `STRIDES` strides of a coarser level,
    that level becomes `model.min_level`: finer ones cost four times as much each, and
    have next to nothing to find. Two levels at least are left, and P5 is the coarsest
    that may be the finest, as in the backbones.
    """
    sides = index.sides_px(config.input.image_size)
    if not config.levels_from_data or not len(sides):
        return config
    model = config.model
    small = float(np.quantile(sides, 1 - MOST))
    last = max(model.min_level, min(5, model.max_level - 1))
    fitting = [
        level
        for level in range(model.min_level, last + 1)
        if level == model.min_level or small >= STRIDES * 2**level
    ]
    finest = max(fitting)
    if finest > model.min_level:
        _LOG.info(
            "levels: P%d to P%d, for nine of ten objects are over %.0f px in the frame",
            finest,
            model.max_level,
            small,
        )
    return dataclasses.replace(
        config, model=dataclasses.replace(model, min_level=finest)
    )
