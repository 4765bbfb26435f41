"""What a preset may declare, and in which order."""

import typing
from typing import TypeGuard

from trainer.augment.color_jitter import ColorJitter
from trainer.augment.crop import SafeCrop
from trainer.augment.erase import Erase
from trainer.augment.flip import HorizontalFlip
from trainer.augment.mixup import MixUp
from trainer.augment.mosaic import Mosaic
from trainer.augment.rotate import Rotate
from trainer.augment.scale_translate import ScaleTranslate
from trainer.augment.shear import Shear

Geometric = HorizontalFlip | Shear | ScaleTranslate | SafeCrop | Rotate
Photometric = ColorJitter | Erase
Augmentation = Geometric | Mosaic | MixUp | Photometric


def check_order(augmentations: tuple[Augmentation, ...]) -> None:
    """Geometric, then mosaic, mixup, photometric: the order in which they run.

    The geometric ones become one warp, the mosaic joins warped images, mixup blends
    the result, and the photometric ones change only pixel values.
    """
    stages = [_stage(augmentation) for augmentation in augmentations]
    if stages != sorted(stages):
        raise ValueError(
            "augmentations must be declared in the order they run: geometric ones, "
            "then mosaic, mixup, and colour or erase last; got "
            + ", ".join(type(augmentation).__name__ for augmentation in augmentations)
        )
    for single in (Mosaic, MixUp):
        if sum(isinstance(a, single) for a in augmentations) > 1:
            raise ValueError(f"{single.__name__} may be declared once")


def is_geometric(augmentation: Augmentation) -> TypeGuard[Geometric]:
    """Whether it moves pixels of one image."""
    return isinstance(augmentation, typing.get_args(Geometric))


def is_photometric(augmentation: Augmentation) -> TypeGuard[Photometric]:
    """Whether it only changes pixel values."""
    return isinstance(augmentation, typing.get_args(Photometric))


def _stage(augmentation: Augmentation) -> int:
    if is_geometric(augmentation):
        return 0
    if is_photometric(augmentation):
        return 3
    return 1 if isinstance(augmentation, Mosaic) else 2
