"""One training run as data, and the named recipes that are such data."""

import dataclasses
from typing import Literal

from schemas.config_rules import refuse_unless
from trainer.augment.color_jitter import ColorJitter
from trainer.augment.flip import HorizontalFlip
from trainer.augment.mosaic import Mosaic
from trainer.augment.scale_translate import ScaleTranslate
from trainer.augment.shear import Shear
from trainer.input.config import InputConfig
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)
from trainer.optimizer.config import (
    CosineSchedule,
    OptimizerConfig,
    PiecewiseSchedule,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Everything that decides what the trainer makes of a data set.

    Training lasts `train_steps` steps where that is set, else `num_epochs` passes
    over the data; exactly one of the two is non-zero. `strategy` "auto" takes the
    GPUs that are there (mirrored if several), else the CPU; `precision` "auto"
    is mixed bfloat16 on a GPU and float32 on the CPU.
    """

    model: ModelConfig = ModelConfig()
    input: InputConfig = InputConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train_steps: int = 0
    num_epochs: int = 0
    evaluate_every_epochs: int = 1
    evaluate_every_steps: int = 0  # 0: at epochs' ends only
    checkpoint_every_steps: int = 500
    early_stopping_epochs: int = 0  # without a better mAP; 0: never
    strategy: Literal["auto", "cpu", "gpu", "mirrored", "data_parallel"] = "auto"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    jit_compile: bool = False
    tensorboard_images: int = 4  # eval images shown with detections; 0: none
    tracking: tuple[Literal["mlflow", "wandb"], ...] = ()  # beside TensorBoard
    doctor: bool = True
    doctor_seconds: float = 15.0  # to overfit 8 images in; 0: not done
    seed: int = 0

    def __post_init__(self) -> None:
        lengths = (self.train_steps, self.num_epochs)
        refuse_unless(min(lengths) >= 0, "train_steps, num_epochs >= 0", lengths)
        if min(lengths) > 0 or max(lengths) == 0:
            raise ValueError(
                "set exactly one of train_steps and num_epochs, got "
                f"train_steps={self.train_steps}, num_epochs={self.num_epochs}"
            )
        for name in (
            "evaluate_every_steps",
            "early_stopping_epochs",
            "tensorboard_images",
            "doctor_seconds",
            "seed",
        ):
            refuse_unless(getattr(self, name) >= 0, f"{name} >= 0", getattr(self, name))
        once = len(set(self.tracking)) == len(self.tracking)
        refuse_unless(once, "tracking: each service once", self.tracking)
        every = (self.evaluate_every_epochs, self.checkpoint_every_steps)
        positive = min(every) >= 1
        refuse_unless(
            positive, "evaluate_every_epochs, checkpoint_every_steps >= 1", every
        )


def cpu_small() -> TrainerConfig:
    """A light RetinaNet, from scratch on a CPU.

    voc-pipeline run --data DIR --root runs/NAME --preset cpu_small

    One anchor a cell and ATSS matching (Zhang et al. 2020) make heads, targets and
    NMS nine times smaller than the paper's; batch norm in pyramid and heads is what
    lets it learn without pretrained weights (Rethinking ImageNet Pre-training,
    He et al. 2019).
    """
    return TrainerConfig(
        model=ModelConfig(
            backbone="light",
            min_level=3,
            max_level=6,
            pyramid_filters=64,
            pyramid_norm="batch",
            head=HeadConfig(num_convs=2, norm="batch"),
            anchors=AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,)),
            matcher=MatcherConfig(kind="atss"),
            loss=LossConfig(box="giou", box_weight=2.0),
            decoding=DecodingConfig(pre_nms_top_k=300),
        ),
        input=InputConfig(
            image_size=(256, 320),
            augmentations=(HorizontalFlip(), ScaleTranslate(), ColorJitter()),
        ),
        optimizer=OptimizerConfig(
            kind="adamw",
            schedule=CosineSchedule(peak=2e-3, warmup_steps=100, final_fraction=0.01),
            weight_decay=1e-3,
            ema_momentum=0.99,
        ),
        num_epochs=60,
        evaluate_every_epochs=5,
    )


def demo() -> TrainerConfig:
    """`cpu_small` cut down to the drawn sample data: minutes on a CPU.

    make demo
    """
    small = cpu_small()
    return dataclasses.replace(
        small,
        input=dataclasses.replace(small.input, image_size=(256, 256)),
        num_epochs=14,
    )


def voc_retinanet_r50() -> TrainerConfig:
    """The seed's recipe to the letter: frozen ResNet50, SGD, piecewise rates, shear.

    voc-pipeline run --data VOCdevkit --root runs/r50 --preset voc_retinanet_r50

    Source: keras.io's RetinaNet example and the VOC recipe that KerasCV drew from
    it (rates and boundaries, global clip 10, focal .25/2, smooth L1, variances
    .1 .1 .2 .2). Needs a GPU (400,000 steps of 4 images) and the network once, for
    the ImageNet weights. Not run to its end by us; the papers' AP50 on VOC2007 test
    with such a model is .75 to .80.
    """
    return TrainerConfig(
        model=ModelConfig(
            backbone="resnet50",
            backbone_weights="preset",
            frozen_stages=5,
            freeze_batch_norm=True,
            box_variance=(0.1, 0.1, 0.2, 0.2),
        ),
        input=InputConfig(
            image_size=(512, 512),
            global_batch_size=4,
            augmentations=(HorizontalFlip(), Shear()),
        ),
        optimizer=OptimizerConfig(
            kind="sgd",
            schedule=PiecewiseSchedule(
                boundaries=(125, 250, 500, 240_000, 360_000),
                rates=(2.5e-06, 0.000625, 0.00125, 0.0025, 0.00025, 2.5e-05),
            ),
            momentum=0.9,
            weight_decay=0.0,
            clip_global_norm=10.0,
        ),
        train_steps=400_000,
    )


def voc_r50_modern() -> TrainerConfig:
    """ResNet50-vd unfrozen, ATSS, GIoU, EMA, mosaic, cosine: our best for VOC on a GPU.

    voc-pipeline run --data VOCdevkit --root runs/r50m --preset voc_r50_modern

    Sources: ATSS (Zhang et al. 2020), ResNet-vd (He et al. 2019, bag of tricks),
    mosaic and EMA as in YOLOv4. Expected AP50 on VOC2007 test above .80; not run to
    its end by us. 50 epochs of VOC07+12 are about 3 hours on one recent GPU.
    """
    return TrainerConfig(
        model=ModelConfig(
            backbone="resnet50_vd",
            backbone_weights="preset",
            frozen_stages=1,
            pyramid_norm="batch",
            head=HeadConfig(norm="batch"),
            anchors=AnchorConfig(scale=8.0, octaves=1, aspect_ratios=(1.0,)),
            matcher=MatcherConfig(kind="atss"),
            loss=LossConfig(box="giou", box_weight=2.0),
        ),
        input=InputConfig(
            image_size=(512, 512),
            global_batch_size=16,
            augmentations=(
                HorizontalFlip(),
                ScaleTranslate(scale_range=(0.5, 1.5)),
                Mosaic(),
                ColorJitter(),
            ),
            close_mosaic_epochs=10,
        ),
        optimizer=OptimizerConfig(
            kind="adamw",
            schedule=CosineSchedule(peak=5e-4, warmup_steps=500, final_fraction=0.01),
            weight_decay=0.05,
            ema_momentum=0.9995,
        ),
        num_epochs=50,
    )
