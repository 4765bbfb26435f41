"""The doctor's findings, in under ten lines."""

import logging
import math
import os
import re
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.own_process import most_memory_mib
from schemas.user_error import UserError
from trainer.doctor.overfit import ProbeResult, overfit
from trainer.doctor.round_trip import draw_round_trip, round_trip
from trainer.doctor.sample import (
    Sample,
    anchors_line,
    classes_line,
    draw_sample,
    refuse,
    sizes_line,
)
from trainer.input.batches import fits_in_cache
from trainer.input.config import InputConfig
from trainer.model.retinanet import RetinaNet
from trainer.training.fit import TrainingData

_LOG = logging.getLogger(__name__)
PICTURE_FILE = "doctor.png"
ROUND_TRIP_IMAGES = 8
MEMINFO = "/proc/meminfo"  # Linux; elsewhere memory is not compared
_MIB = 1 << 20


def examine(
    model: RetinaNet,
    data: TrainingData,
    config: InputConfig,
    directory: str,
    probe_seconds: float,
) -> list[str]:
    """The findings, one line each; logged, with a picture of boxes in `directory`.

    `model` is compiled; `config` is what `data` was read by. A few images are learned
    by heart for `probe_seconds`; not at all with 0.

    Raises UserError for what would waste the training: frames that do not fit in
    memory, class ids that the model does not have, no box in any image looked at,
    boxes that do not come back, a loss of a few images that does not fall.
    """
    refuse_frames(config, data.num_train_examples, available_bytes())
    sample = draw_sample(data, config.global_batch_size)
    size = config.image_size
    refuse(sample, config, data.class_names)
    anchors_by_level = model.anchors(*size)
    anchors = np.concatenate([np.asarray(level) for level in anchors_by_level])
    lines = [
        _looked_at_line(sample, data.num_train_examples),
        classes_line(sample, data.class_names),
        sizes_line(sample),
        anchors_line(sample, anchors_by_level, model.config.matcher),
        _round_trip_line(model, data, anchors, directory),
    ]
    if probe_seconds:
        batch_size = config.global_batch_size
        probe = overfit(model, data, batch_size, probe_seconds, model.jit_compile)
        lines += [probe.line(), rates_line(sample, probe)]
    lines.append(_memory_line(model))
    for line in lines:
        _LOG.info("doctor: %s", line)
    return lines


def refuse_frames(config: InputConfig, images: int, available: int | None) -> None:
    """Raise UserError if the decoded frames would not fit in `available` bytes."""
    needed = images * math.prod(config.image_size) * 3
    cached = fits_in_cache(images, config)
    if cached and available is not None and needed > available:
        raise UserError(
            f"input.cache_bytes lets {images} decoded frames of {needed // _MIB} MiB "
            f"be kept, but {available // _MIB} MiB of memory are free: lower "
            "input.cache_bytes (0: nothing is kept)"
        )


def available_bytes() -> int | None:
    """Memory that the system can still give; None where it does not say."""
    if not os.path.exists(MEMINFO):
        return None
    with open(MEMINFO, encoding="ascii") as file:
        found = re.search(r"MemAvailable:\s+(\d+) kB", file.read())
    return int(found[1]) * 1024 if found else None


def rates_line(sample: Sample, probe: ProbeResult) -> str:
    """Images per second of input pipeline and training step: which is the slower."""
    if not probe.images_per_s:
        return f"input pipeline {sample.images_per_s:.0f} images/s; no step was timed"
    slow_input = sample.images_per_s < probe.images_per_s
    return (
        f"input pipeline {sample.images_per_s:.0f} images/s, training step "
        f"{probe.images_per_s:.1f}: the {'input' if slow_input else 'step'} bounds"
    )


def _looked_at_line(sample: Sample, training_images: int) -> str:
    # A small data set goes round: its images come again, augmented otherwise.
    of = "training images"
    if sample.images > training_images:
        of = f"frames of the {training_images} training images"
    return (
        f"{sample.images} {of} looked at, {sample.images_with_box} with objects, "
        f"{len(sample.boxes)} boxes"
    )


def _round_trip_line(
    model: RetinaNet, data: TrainingData, anchors: Any, directory: str
) -> str:
    stored = data.stored(ROUND_TRIP_IMAGES)
    if not stored:
        return "no stored examples to compare boxes with"
    batches = data.evaluation()
    returned = round_trip(stored, batches, anchors, model.config.box_variance)
    path = f"{directory}/{PICTURE_FILE}"
    tf.io.gfile.makedirs(directory)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(draw_round_trip(stored, returned))
    worst = max(boxes.error_px for boxes in returned)
    count = sum(len(boxes.boxes) for boxes in returned)
    if worst > 1:
        raise UserError(
            f"boxes do not come back: after letterbox, targets and decoding one lies "
            f"{worst:.1f} px from the stored one; see {path} (green: stored, red: back)"
        )
    return f"{count} boxes came back within {worst:.2f} px, drawn in {path}"


def _memory_line(model: RetinaNet) -> str:
    peak_mib = most_memory_mib()
    free = available_bytes()
    left = "" if free is None else f", {free // _MIB:,} MiB free"
    count = model.count_params()
    return f"{count:,} parameters; memory so far {peak_mib:,.0f} MiB{left}"
