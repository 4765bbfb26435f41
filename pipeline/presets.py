"""Named experiments: functions that return a PipelineConfig.

A preset is told here and nowhere else. Each docstring has the command, the sources,
what it costs and what was measured; README's table is checked against these figures.
"""

import dataclasses
import inspect
from collections.abc import Callable

from components.evaluator.config import GateConfig
from pipeline.config import PipelineConfig
from pipeline.on_kubeflow.stage_resources import KubeflowConfig, StageResources
from schemas.did_you_mean import did_you_mean
from schemas.user_error import UserError
from trainer.augment.color_jitter import ColorJitter
from trainer.augment.flip import HorizontalFlip
from trainer.augment.mosaic import Mosaic
from trainer.augment.scale_translate import ScaleTranslate
from trainer.augment.shear import Shear
from trainer.config import TrainerConfig
from trainer.input.config import InputConfig
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)
from trainer.optimizer.config import CosineSchedule, OptimizerConfig, PiecewiseSchedule

# What trains on a GPU asks for one where a cluster has to be asked.
ON_A_GPU = KubeflowConfig(
    trainer=StageResources(accelerator="nvidia.com/gpu", accelerator_count=1)
)


def demo() -> PipelineConfig:
    """The drawn sample data in minutes on a CPU: `cpu_scratch` at 256 px, 14 epochs.

    make demo

    3 min on 2 cores of an Intel Xeon of the 4th generation. Seeds 0 to 2: eval mAP .779
    .756 .778, AP50 .983 .973 .978; test mAP .727 .725 .711, AP50 .935 .944 .935.
    """
    small = cpu_scratch()
    return dataclasses.replace(
        small,
        name="voc-demo",
        trainer=dataclasses.replace(
            small.trainer,
            input=dataclasses.replace(small.trainer.input, image_size=(256, 256)),
            num_epochs=14,
        ),
        gate=GateConfig(min_ap50=0.5),
    )


def cpu_small() -> PipelineConfig:
    """A light RetinaNet on frozen ImageNet features, for laptops and CI.

    voc-pipeline run --data VOCdevkit/VOC2007 --root runs/voc --preset cpu_small

    `cpu_scratch` on EfficientNet-Lite0 (Tan and Le 2019), whose weights come with the
    `imagenet` extra: no network is asked. Its features of six epochs' frames, as
    augmented, are computed once and kept; pyramid and heads are what is trained.

    Where all objects are large, the finest level is P4 (`levels_from_data`).

    Raccoon, 200 images (161 to train on), seeds 0 to 2: eval mAP .525 .506 .497, AP50
    .982 .941 .962; the whole run 4 CPU minutes. BCCD, 364 images (205 to train on),
    seeds 0 to 2: val mAP .535 .509 .519, AP50 .871 .855 .856; test mAP .511 .510 .513,
    AP50 .844 .844 .853; 6 CPU minutes. VOC 2007, 120 images of 20 classes (88 to train
    on), seeds 0 to 2: mAP .073 .068 .077, AP50 .187 .184 .245; 4 CPU
    minutes. The boxes of BCCD's cells are less precise than `cpu_scratch`'s; a second
    training (`--set trainer.unfreezing.num_epochs=10`) mends a part of that.
    """
    scratch = cpu_scratch()
    return dataclasses.replace(
        scratch,
        name="voc-cpu-small",
        trainer=dataclasses.replace(
            scratch.trainer,
            model=dataclasses.replace(
                scratch.trainer.model,
                backbone="efficientnet_lite0",
                backbone_weights="preset",
                frozen_stages=5,
            ),
            levels_from_data=True,
            num_epochs=20,
            kept_epochs=6,
        ),
    )


def cpu_scratch() -> PipelineConfig:
    """The same from scratch, where ImageNet's weights may not be had.

    voc-pipeline run --data VOCdevkit/VOC2007 --root runs/voc --preset cpu_scratch

    One anchor per cell and ATSS matching (Zhang et al. 2020) make heads, targets and
    NMS nine times smaller than the paper's; batch norm in pyramid and heads is what
    lets it learn without pretrained weights (Rethinking ImageNet Pre-training, He et
    al. 2019).

    BCCD, 364 images (205 to train on), 60 epochs: 15 CPU minutes. Seeds 0 to 2: val mAP
    .586 .589 .583, AP50 .881 .894 .881; test mAP .588 .584 .580, AP50 .888 .891 .892.
    Measured before averaged weights had batch-norm statistics of their own, each object
    an anchor, and BCCD's boxes were read as labelImg writes them.
    """
    return PipelineConfig(
        name="voc-cpu-scratch",
        trainer=TrainerConfig(
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
                schedule=CosineSchedule(
                    peak=2e-3, warmup_steps=100, final_fraction=0.01
                ),
                weight_decay=1e-3,
                ema_momentum=0.99,
            ),
            num_epochs=60,
            evaluate_every_epochs=5,
        ),
        gate=GateConfig(min_ap50=0.3),
    )


def voc_retinanet_r50() -> PipelineConfig:
    """The recipe of the Keras tutorial on VOC 2007 with KerasCV: frozen ResNet50.

    voc-pipeline run --data VOCdevkit --root runs/r50 --preset voc_retinanet_r50

    SGD with piecewise rates, global clip 10, focal loss .25/2, smooth L1, box variances
    .1 .1 .2 .2, shear. Needs a GPU, and the network once for the ImageNet weights.
    400,000 steps of 4 images of 512 px; not run to its end.
    """
    return PipelineConfig(
        name="voc-retinanet-r50",
        trainer=TrainerConfig(
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
            frozen_features="off",  # the tutorial's frames never repeat
        ),
        gate=GateConfig(min_ap50=0.5),
        kubeflow=ON_A_GPU,
    )


def voc_r50_modern() -> PipelineConfig:
    """What we would train on VOC today: unfrozen ResNet50-vd, on a GPU.

    voc-pipeline run --data VOCdevkit --root runs/r50m --preset voc_r50_modern

    ATSS (Zhang et al. 2020), GIoU, ResNet-vd (He et al. 2019, Bag of Tricks), mosaic
    and a moving average of the weights as in YOLOv4, cosine rates. Needs a GPU, and the
    network once for the ImageNet weights. 50 epochs of 512 px images; not run to its
    end.
    """
    return PipelineConfig(
        name="voc-r50-modern",
        trainer=TrainerConfig(
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
                schedule=CosineSchedule(
                    peak=5e-4, warmup_steps=500, final_fraction=0.01
                ),
                weight_decay=0.05,
                ema_momentum=0.9995,
            ),
            num_epochs=50,
        ),
        gate=GateConfig(min_ap50=0.5),
        kubeflow=ON_A_GPU,
    )


def smoke() -> PipelineConfig:
    """A few steps of the smallest model: proves that a machine can run every stage.

    voc-pipeline run --data DIR --root runs/smoke --preset smoke

    1 min on 2 cores. Its model detects nothing, and its gate lets that pass: keep it
    away from a push destination that anyone reads.
    """
    small = cpu_scratch()
    tiny_input = dataclasses.replace(
        small.trainer.input, image_size=(128, 128), global_batch_size=4
    )
    return dataclasses.replace(
        small,
        name="voc-smoke",
        trainer=dataclasses.replace(
            small.trainer,
            input=tiny_input,
            train_steps=4,
            num_epochs=0,
            doctor_seconds=0.0,
        ),
        gate=GateConfig(min_map=0.0, min_class_objects=0, allow_no_detections=True),
    )


PRESETS: dict[str, Callable[[], PipelineConfig]] = {
    "demo": demo,
    "cpu_small": cpu_small,
    "cpu_scratch": cpu_scratch,
    "voc_retinanet_r50": voc_retinanet_r50,
    "voc_r50_modern": voc_r50_modern,
    "smoke": smoke,
}


def preset(name: str) -> PipelineConfig:
    """The preset of this name.

    Raises:
      UserError: there is none; the names of those that exist are listed.
    """
    if name not in PRESETS:
        meant = did_you_mean(name, PRESETS)
        raise UserError(f"no preset {name!r}{meant}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]()


def describe(name: str) -> str:
    """A preset's docstring."""
    return inspect.getdoc(PRESETS[name]) or ""
