"""The pyramid's finest level by the sizes of the objects that are to be found."""

import dataclasses
import logging

import numpy as np

from trainer.config import TrainerConfig
from trainer.input.records import RecordIndex
from trainer.serving.read_back import detector_config

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
    that may be the finest, as in the backbones. A warm start keeps the levels of the
    model that it starts from, whose weights are those of its levels.
    """
    if not config.levels_from_data or not len(index.objects):
        return config
    model = config.model
    last = max(model.min_level, min(5, model.max_level - 1))
    possible = range(model.min_level, last + 1)
    if model.initial_model:
        finest = detector_config(model.initial_model).model.min_level
        why = "as in the model that it starts from"
    else:
        sides = index.sides_px(config.input.image_size)
        small = float(np.quantile(sides, 1 - MOST))
        finest = max([n for n in possible if small >= STRIDES * 2**n], default=0)
        why = f"for nine of ten objects are over {small:.0f} px in the frame"
    if finest not in possible or finest == model.min_level:
        return config
    _LOG.info("levels: P%d to P%d, %s", finest, model.max_level, why)
    return dataclasses.replace(
        config, model=dataclasses.replace(model, min_level=finest)
    )
