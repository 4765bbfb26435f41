"""Optimiser and learning-rate schedule, as data."""

import dataclasses
from typing import Literal

from schemas.config_rules import refuse_unless


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineSchedule:
    """Linear warm-up to `peak`, then half a cosine down to `final_fraction * peak`.

    The cosine ends with training, whatever its number of steps.

    Attributes:
      peak: the largest rate.
      warmup_steps: steps up to it (from 0).
      final_fraction: of the peak, at the end (0..1).
    """

    peak: float = 0.01
    warmup_steps: int = 500
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        refuse_unless(self.peak > 0, "peak > 0", self.peak)
        refuse_unless(self.warmup_steps >= 0, "warmup_steps >= 0", self.warmup_steps)
        bounded = 0 <= self.final_fraction <= 1
        refuse_unless(bounded, "0 <= final_fraction <= 1", self.final_fraction)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PiecewiseSchedule:
    """`rates[i]` up to and including step `boundaries[i]`, then the next one.

    Attributes:
      boundaries: steps, increasing.
      rates: one more than boundaries.
    """

    boundaries: tuple[int, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        refuse_unless(
            len(self.rates) == len(self.boundaries) + 1,
            "one rate more than boundaries",
            (self.boundaries, self.rates),
        )
        ordered = list(self.boundaries) == sorted(set(self.boundaries))
        refuse_unless(ordered, "increasing boundaries", self.boundaries)
        refuse_unless(min(self.rates) > 0, "rates > 0", self.rates)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """SGD with momentum or AdamW; weight decay never touches biases and norms.

    The backbone learns at `backbone_rate` of the schedule's rate, and decays at that,
    too: weights that come from ImageNet need less of both than new heads.

    `ema_momentum` is that of the moving average of weights and batch-norm statistics,
    which is what is judged and exported; it begins lower, (1 + t) / (10 + t) after step
    t. 0: the weights themselves.

    Attributes:
      kind: sgd with momentum, or adamw.
      schedule: of the learning rate: CosineSchedule or PiecewiseSchedule.
      momentum: of SGD, below 1 (from 0).
      weight_decay: of kernels (from 0).
      clip_global_norm: of the whole batch's gradient; 0: off (from 0).
      ema_momentum: of the averaged weights, below 1; 0: none (from 0).
      backbone_rate: the backbone's part of the rate.
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    schedule: CosineSchedule | PiecewiseSchedule = CosineSchedule()
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip_global_norm: float = 10.0  # 0: off
    ema_momentum: float = 0.0
    backbone_rate: float = 1.0

    def __post_init__(self) -> None:
        refuse_unless(0 <= self.momentum < 1, "0 <= momentum < 1", self.momentum)
        refuse_unless(self.weight_decay >= 0, "weight_decay >= 0", self.weight_decay)
        clip = self.clip_global_norm
        refuse_unless(clip >= 0, "clip_global_norm >= 0", clip)
        refuse_unless(
            0 <= self.ema_momentum < 1, "0 <= ema_momentum < 1", self.ema_momentum
        )
        rate = self.backbone_rate
        refuse_unless(rate > 0, "backbone_rate > 0", rate)
