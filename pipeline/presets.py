"""Named experiments: functions that return a PipelineConfig.

Each docstring states the command, what it costs and what to expect of it.
"""

import argparse
import dataclasses
import inspect
from collections.abc import Callable

from components.evaluator.gate import GateConfig
from pipeline.config import PipelineConfig
from pipeline.overrides import apply_overrides
from schemas.label_map import LabelMap
from schemas.user_error import UserError
from trainer import config as trainer_config


def demo() -> PipelineConfig:
    """The drawn sample data in minutes on a CPU.

    make demo

    Three minutes on 2 cores. Eval AP50 .960 to .976, mAP .679 to .698 (three seeds).
    """
    return PipelineConfig(
        name="voc-demo",
        trainer=trainer_config.demo(),
        gate=GateConfig(min_ap50=0.5),
    )


def cpu_small() -> PipelineConfig:
    """A light RetinaNet from scratch, for laptops and CI.

    voc-pipeline run --data VOCdevkit/VOC2007 --root runs/voc --preset cpu_small

    BCCD (205 training images): 15 minutes of one core's time in all; AP50 .888 to .892,
    mAP .580 to .588 on its test split (three seeds).
    """
    return PipelineConfig(
        name="voc-cpu-small",
        trainer=trainer_config.cpu_small(),
        gate=GateConfig(min_ap50=0.3),
    )


def voc_retinanet_r50() -> PipelineConfig:
    """The seed's recipe to the letter: frozen ResNet50, 512 px, on a GPU.

    voc-pipeline run --data VOCdevkit --root runs/r50 --preset voc_retinanet_r50

    400,000 steps of 4 images; not run to its end by us.
    """
    return PipelineConfig(
        name="voc-retinanet-r50",
        trainer=trainer_config.voc_retinanet_r50(),
        gate=GateConfig(min_ap50=0.5),
    )


def voc_r50_modern() -> PipelineConfig:
    """What we would train on VOC today: unfrozen ResNet50-vd, 512 px, on a GPU.

    voc-pipeline run --data VOCdevkit --root runs/r50m --preset voc_r50_modern

    50 epochs of 512 px images; not run to its end by us.
    """
    return PipelineConfig(
        name="voc-r50-modern",
        trainer=trainer_config.voc_r50_modern(),
        gate=GateConfig(min_ap50=0.5),
    )


def smoke() -> PipelineConfig:
    """A few steps of the smallest model: proves that a machine can run every stage.

    voc-pipeline run --data DIR --root runs/smoke --preset smoke

    About a minute. Its model detects nothing, and its gate lets that pass: keep it away
    from a push destination that anyone reads.
    """
    small = trainer_config.cpu_small()
    tiny_input = dataclasses.replace(
        small.input, image_size=(128, 128), global_batch_size=4
    )
    return PipelineConfig(
        name="voc-smoke",
        trainer=dataclasses.replace(
            small, input=tiny_input, train_steps=4, num_epochs=0, doctor_seconds=0.0
        ),
        gate=GateConfig(min_map=0.0),
    )


PRESETS: dict[str, Callable[[], PipelineConfig]] = {
    "demo": demo,
    "cpu_small": cpu_small,
    "voc_retinanet_r50": voc_retinanet_r50,
    "voc_r50_modern": voc_r50_modern,
    "smoke": smoke,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that choose and change a config, shared by several commands."""
    parser.add_argument(
        "--preset", default="cpu_small", help=f"one of {', '.join(PRESETS)}"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field, such as trainer.seed=1; may be given several times",
    )
    parser.add_argument(
        "--label-map",
        metavar="FILE",
        help="one class a line; default: the classes of the data, sorted",
    )


def config_from(args: argparse.Namespace) -> PipelineConfig:
    """The config that `--preset`, `--label-map` and `--set` name.

    Raises:
      UserError: no such preset, field or file, or a value that its field refuses.
    """
    config = apply_overrides(preset(args.preset), args.set)
    if args.label_map:
        names = LabelMap.from_file(args.label_map).names
        config = dataclasses.replace(
            config, ingest=dataclasses.replace(config.ingest, label_map=names)
        )
    return config


def preset(name: str) -> PipelineConfig:
    """The preset of this name.

    Raises:
      UserError: there is none; the names of those that exist are listed.
    """
    if name not in PRESETS:
        raise UserError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]()


def describe(name: str) -> str:
    """A preset's docstring."""
    return inspect.getdoc(PRESETS[name]) or ""
