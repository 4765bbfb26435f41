"""What the model is made of; defaults are those of the RetinaNet paper."""

import dataclasses
from typing import Literal

from schemas.config_rules import refuse_unless


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnchorConfig:
    """Anchors of every cell: sizes `scale * stride * 2^(octave / octaves)`.

    Attributes:
      scale: size of an anchor in strides of its level.
      octaves: sizes between one level and the next (from 1).
      aspect_ratios: height / width.
    """

    scale: float = 4.0  # 32 px on P3, RetinaNet section 4
    octaves: int = 3
    aspect_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # height / width

    def __post_init__(self) -> None:
        refuse_unless(self.scale > 0, "scale > 0", self.scale)
        refuse_unless(self.octaves >= 1, "octaves >= 1", self.octaves)
        valid = bool(self.aspect_ratios) and min(self.aspect_ratios) > 0
        refuse_unless(valid, "aspect_ratios: some, all > 0", self.aspect_ratios)

    @property
    def per_cell(self) -> int:
        """Anchors at one cell of one level."""
        return self.octaves * len(self.aspect_ratios)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatcherConfig:
    """Which anchors answer for which ground truth.

    `max_iou` is the paper's rule. `atss` takes, per ground truth, the anchors of
    IoU at least mean + std over the `atss_candidates` nearest ones per level
    (Zhang et al. 2020); it needs one anchor per cell. In both, a ground truth left
    without an anchor takes the best one that is free when `low_quality` is set.

    Attributes:
      kind: max_iou, the paper's, or atss.
      positive_from: IoU of max_iou from which an anchor answers (0..1).
      negative_below: IoU below which it is background (0..1).
      low_quality: a ground truth without an anchor takes the best free one.
      atss_candidates: nearest anchors of each level that atss looks at (from 1).
      difficult: ignore objects flagged difficult, or train on them.
    """

    kind: Literal["max_iou", "atss"] = "max_iou"
    positive_from: float = 0.5
    negative_below: float = 0.4
    low_quality: bool = True
    atss_candidates: int = 9
    difficult: Literal["ignore", "train"] = "ignore"

    def __post_init__(self) -> None:
        ordered = 0 <= self.negative_below <= self.positive_from <= 1
        refuse_unless(
            ordered,
            "0 <= negative_below <= positive_from <= 1",
            (self.negative_below, self.positive_from),
        )
        refuse_unless(
            self.atss_candidates >= 1, "atss_candidates >= 1", self.atss_candidates
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Focal loss on classes, `box` loss on positives, both over their number.

    Attributes:
      focal_alpha: weight of positives against negatives (0..1).
      focal_gamma: how much easy anchors are weighed down (from 0).
      box: which loss of the boxes.
      box_weight: of the box loss against the class loss.
      smooth_l1_beta: where smooth_l1 turns from square to linear.
    """

    focal_alpha: float = 0.25  # RetinaNet section 5.1
    focal_gamma: float = 2.0
    box: Literal["smooth_l1", "giou", "ciou"] = "smooth_l1"
    box_weight: float = 1.0
    smooth_l1_beta: float = 1.0

    def __post_init__(self) -> None:
        refuse_unless(0 < self.focal_alpha < 1, "0 < focal_alpha < 1", self.focal_alpha)
        refuse_unless(self.focal_gamma >= 0, "focal_gamma >= 0", self.focal_gamma)
        refuse_unless(self.box_weight > 0, "box_weight > 0", self.box_weight)
        refuse_unless(
            self.smooth_l1_beta > 0, "smooth_l1_beta > 0", self.smooth_l1_beta
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """The two subnets, shared by all levels.

    Attributes:
      num_convs: of each subnet before its last one (from 0).
      norm: none, or batch normalisation.
      prior: class probability that training begins with (0..1).
    """

    num_convs: int = 4
    norm: Literal["none", "batch"] = "none"  # statistics are per level
    prior: float = 0.01  # pi, RetinaNet section 4.1

    def __post_init__(self) -> None:
        refuse_unless(self.num_convs >= 0, "num_convs >= 0", self.num_convs)
        refuse_unless(0 < self.prior < 1, "0 < prior < 1", self.prior)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecodingConfig:
    """Predictions to detections; every shape is static.

    Attributes:
      score_from: detections below this are left out (from 0).
      nms_iou: from which overlap on the lower score goes (to 1).
      pre_nms_top_k: anchors looked at in each image.
      max_detections: in an image, at most pre_nms_top_k (from 1).
      class_agnostic_nms: classes put each other out, too.
    """

    score_from: float = 0.05
    nms_iou: float = 0.5
    pre_nms_top_k: int = 1000
    max_detections: int = 100
    class_agnostic_nms: bool = False

    def __post_init__(self) -> None:
        refuse_unless(0 <= self.score_from < 1, "0 <= score_from < 1", self.score_from)
        refuse_unless(0 < self.nms_iou <= 1, "0 < nms_iou <= 1", self.nms_iou)
        refuse_unless(
            1 <= self.max_detections <= self.pre_nms_top_k,
            "1 <= max_detections <= pre_nms_top_k",
            (self.max_detections, self.pre_nms_top_k),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A RetinaNet: backbone, pyramid P`min_level`..P`max_level`, heads, rules.

    `backbone` is a key of `trainer.model.backbones.builders.BACKBONES`.
    `backbone_weights` is "" (from scratch), "preset" (ImageNet weights, of an installed
    package or from KerasHub) or a file: `.weights.h5`, timm's `.safetensors` for
    ResNets, torch's `.pth` for EfficientNet-Lite0. `initial_model` is the directory of
    an earlier exported model of ours, from which all weights that fit are taken.
    `frozen_stages` counts from the stem: 0 none, 1 the stem, 5 the whole backbone. With
    several replicas `synchronize_batch_norm` gives all the statistics of the global
    batch; with one, and on JAX, where they are that anyway, it changes nothing.

    Attributes:
      backbone: which one.
      backbone_weights: none, "preset", or a file.
      initial_model: folder of an earlier model to start from; "": none.
      frozen_stages: of the backbone, counted from the stem (0..5).
      freeze_batch_norm: of the backbone.
      synchronize_batch_norm: over all replicas.
      min_level: finest level of the pyramid, its stride is 2^level (2..5).
      max_level: coarsest one; at least min_level, at most 8.
      pyramid_filters: channels of pyramid and heads (from 1).
      pyramid_norm: none, or batch normalisation.
      head: the class and box subnets.
      anchors: reference boxes.
      box_variance: what box targets are divided by.
      matcher: which anchors answer for which ground truth.
      loss: of classes and boxes.
      decoding: predictions to detections.
    """

    backbone: str = "resnet50"
    backbone_weights: str = ""
    initial_model: str = ""
    frozen_stages: int = 0
    freeze_batch_norm: bool = False
    synchronize_batch_norm: bool = True
    min_level: int = 3
    max_level: int = 7
    pyramid_filters: int = 256
    pyramid_norm: Literal["none", "batch"] = "none"
    head: HeadConfig = HeadConfig()
    anchors: AnchorConfig = AnchorConfig()
    box_variance: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    matcher: MatcherConfig = MatcherConfig()
    loss: LossConfig = LossConfig()
    decoding: DecodingConfig = DecodingConfig()

    def __post_init__(self) -> None:
        stages = self.frozen_stages
        refuse_unless(0 <= stages <= 5, "0 <= frozen_stages <= 5", stages)
        levels = (self.min_level, self.max_level)
        ordered = 2 <= self.min_level <= 5 and self.min_level <= self.max_level <= 8
        refuse_unless(
            ordered, "2 <= min_level <= 5 and min_level <= max_level <= 8", levels
        )
        refuse_unless(
            self.pyramid_filters >= 1, "pyramid_filters >= 1", self.pyramid_filters
        )
        positive = min(self.box_variance) > 0
        refuse_unless(positive, "box_variance > 0", self.box_variance)
        if self.matcher.kind == "atss" and self.anchors.per_cell != 1:
            raise ValueError(
                "matcher.kind 'atss' needs one anchor per cell: set anchors.octaves=1 "
                f"and one aspect ratio, got {self.anchors.per_cell} anchors"
            )

    @property
    def levels(self) -> tuple[int, ...]:
        """The pyramid's levels, finest first."""
        return tuple(range(self.min_level, self.max_level + 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """What a trained model is, however it was trained: what is stored with an export.

    `image_size` is the (height, width) of the frames that it looks at.
    """

    model: ModelConfig
    image_size: tuple[int, int]
